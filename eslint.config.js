import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const ENVIRONMENT = 'Only config/env.ts reads the environment: take an Env, or childEnvironment() for a child process.';

export default defineConfig(
  globalIgnores(['**/dist/', '**/coverage/', 'data/']),
  // A rule that is wrong is changed here, for everybody, and not switched off beside the code.
  { linterOptions: { noInlineConfig: true } },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'max-lines': ['error', { max: 350 }],
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: ENVIRONMENT }],
      'no-restricted-imports': [
        'error',
        {
          paths: [
            { name: 'node:process', importNames: ['env', 'default'], message: ENVIRONMENT },
            { name: 'process', message: ENVIRONMENT },
          ],
        },
      ],
      // A `default` decides about the cases that have no line of their own.
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Brackets say that the name is data: a claim, a header, a column.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      // Spreading a string means its code points.
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      // It proposes the `!` that no-non-null-assertion forbids.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // Nest's modules are classes whose whole content is their decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // Marked as deprecated by their authors only to stand out: without them no client talks to a service on this machine.
      '@typescript-eslint/no-deprecated': [
        'error',
        {
          allow: ['oauth4webapi', 'openid-client'].map((name) => ({
            from: 'package',
            package: name,
            name: 'allowInsecureRequests',
          })),
        },
      ],
      // `declare global` is how one says what a middleware adds to Express's requests.
      '@typescript-eslint/no-namespace': ['error', { allowDeclarations: true }],
      // A number in a template literal reads as it should.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `() => emitter.end()` hands nothing on: it is the short form of a block.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // DTO classes describe shapes to Swagger and class-validator; a literal of that shape is one.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // An empty string often means "not given", which is what `||` says and `??` does not.
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
    },
  },
  {
    // Properties are shown of more or fewer cases, as the environment says.
    files: ['config/env.ts', 'test/**', 'bench/**', 'examples/**', 'jest.config.js', '**/*.property.spec.ts'],
    rules: { 'no-restricted-properties': 'off', 'no-restricted-imports': 'off' },
  },
  {
    // Scripts and configuration files stand outside the compiler's projects, and know Node's globals.
    files: ['**/*.{js,cjs,mjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      globals: Object.fromEntries(
        ['process', 'console', 'Buffer', 'URL', 'fetch', 'performance', 'module', 'setTimeout', 'clearTimeout'].map(
          (name) => [name, 'readonly'],
        ),
      ),
    },
  },
);
