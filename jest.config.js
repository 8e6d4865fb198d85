/** As part of a regular expression. */
const ROOT = import.meta.dirname.replace(/[^\w/]/g, '\\$&');

const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      module: { type: 'es6' },
      jsc: {
        target: 'es2022',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
        keepClassNames: true,
      },
    },
  ],
};

const common = {
  transform,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^@portcullis/verifier$': '<rootDir>/packages/verifier/src/index.ts',
    '^@portcullis/verifier/(.*)$': '<rootDir>/packages/verifier/src/$1.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/packages/[^/]+/dist/'],
  watchPathIgnorePatterns: ['<rootDir>/data/'],
};

/** The service and what supports the tests, once per worker; but what itself speaks to Jest stays in each test's own world. */
const natively = {
  transform: {
    [`${ROOT}/(src|config|migrations|packages/verifier/src)/.+\\.ts$`]: '<rootDir>/test/support/native-transform.js',
    [`${ROOT}/test/(proof/)?support/(?!global-|crash-run|fault-scene).+\\.ts$`]:
      '<rootDir>/test/support/native-transform.js',
    ...transform,
  },
  moduleNameMapper: { ...common.moduleNameMapper, '^typeorm$': '<rootDir>/test/support/native-typeorm.ts' },
  testEnvironment: '<rootDir>/test/support/native-environment.js',
};

const withPostgres = {
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

/** Three suites: `spec` (rules, no database), `e2e` (by feature, real Postgres) and `proof` (long; `npm run test:proof`). */
export default {
  maxWorkers: 2,
  // A busy machine is no failure: what is timed is printed, not judged by this.
  testTimeout: 30_000,
  projects: [
    {
      ...common,
      displayName: 'spec',
      testMatch: ['<rootDir>/{src,config,migrations,packages}/**/*.spec.ts', '<rootDir>/test/support/**/*.spec.ts'],
    },
    { ...common, ...natively, ...withPostgres, displayName: 'e2e', testMatch: ['<rootDir>/test/**/*.e2e.ts'] },
    {
      ...common,
      ...natively,
      ...withPostgres,
      displayName: 'proof',
      testMatch: ['<rootDir>/test/proof/**/*.proof.ts'],
    },
  ],
};
