/** Which rooms of src/ a room may use, besides `common` and `database`, which are open to all. */
const ARROWS = {
  limits: [],
  auth: ['limits', 'users', 'sessions', 'clients', 'tokens', 'permissions', 'validity', 'mail', 'audit'],
  users: ['permissions', 'sessions', 'mail', 'audit'],
  tokens: ['keys', 'validity', 'clients', 'permissions', 'audit'],
  clients: ['permissions', 'keys', 'audit'],
  permissions: ['audit'],
  keys: ['audit'],
  sessions: ['audit'],
  validity: ['audit'],
  mail: ['audit'],
  health: ['validity'],
  cli: ['auth', 'users', 'clients', 'tokens', 'keys'],
  audit: [],
  server: [],
  workers: ['users'],
};

/** The command line and the processes of workers stand outside of the rooms, and begin where the service does. */
const BEGINNINGS = { cli: 'app\\.module', workers: 'service' };

const ROOMS = [...Object.keys(ARROWS), 'common', 'database'].join('|');
const TESTS = '\\.spec\\.ts$|^test/';

const arrows = Object.entries(ARROWS).map(([room, mayUse]) => ({
  name: `arrows-of-${room}`,
  comment: `${room} may use ${['common', 'database', ...mayUse].join(', ')}.`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: {
    path: '^src/',
    pathNot: `^src/(${[room, 'common', 'database', ...mayUse].join('|')})/${room in BEGINNINGS ? `|^src/${BEGINNINGS[room]}\\.ts$` : ''}`,
  },
}));

module.exports = {
  forbidden: [
    ...arrows,
    {
      name: 'common-is-the-ground',
      comment: 'common imports no room.',
      severity: 'error',
      from: { path: '^src/common/' },
      to: { path: '^src/', pathNot: '^src/common/' },
    },
    {
      name: 'database-knows-no-feature',
      comment: 'database may use common only.',
      severity: 'error',
      from: { path: '^src/database/' },
      to: { path: '^src/', pathNot: '^src/(database|common)/' },
    },
    {
      name: 'rooms-are-on-the-map',
      comment: 'A new room gets its arrows in this file (and in the README) first.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(${ROOMS})/` },
      to: {},
    },
    {
      name: 'nobody-imports-auth',
      comment: 'auth is the top of the house; only app.module puts it in, and the command line stands outside of it.',
      severity: 'error',
      from: { pathNot: `^src/auth/|^src/cli/|^src/app\\.module\\.ts$|^config/entities\\.ts$|${TESTS}` },
      to: { path: '^src/auth/' },
    },
    {
      name: 'entities-stay-in-their-room',
      comment: "Across rooms a row is named by its id; no room imports another room's entity.",
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: { path: '\\.entity\\.ts$', pathNot: '^src/$1/' },
    },
    {
      name: 'only-the-list-of-entities-has-them-all',
      comment: 'Outside the rooms, entities are for config/entities.ts (and the tests).',
      severity: 'error',
      from: { pathNot: `^src/[^/]+/|^config/entities\\.ts$|${TESTS}` },
      to: { path: '\\.entity\\.ts$' },
    },
    {
      name: 'data-source-for-the-database-room',
      comment: 'Of config, a room uses env; the DataSource is for the database room, main and cli.',
      severity: 'error',
      from: { path: '^(src/[^/]+/|packages/)', pathNot: '^src/database/' },
      to: { path: '^config/', pathNot: '^config/env\\.ts$' },
    },
    {
      name: 'config-knows-no-feature',
      comment: 'Of src, config/entities.ts uses the entities, and nothing else does.',
      severity: 'error',
      from: { path: '^config/' },
      to: { path: '^src/', pathNot: '\\.entity\\.ts$' },
    },
    {
      name: 'migrations-stand-alone',
      comment: 'A migration must mean the same in a year: it uses nothing that may change.',
      severity: 'error',
      from: { path: '^migrations/', pathNot: TESTS },
      to: { path: '^(src|config|packages|test)/' },
    },
    {
      name: 'verifier-by-its-door',
      comment: 'The verifier is imported as @portcullis/verifier.',
      severity: 'error',
      from: { pathNot: '^packages/verifier/' },
      to: { path: '^packages/verifier/src/' },
    },
    {
      name: 'verifier-stands-alone',
      comment: '@portcullis/verifier imports nothing of the service.',
      severity: 'error',
      from: { path: '^packages/verifier/' },
      to: { path: '^(src|config|migrations|test)/' },
    },
    {
      name: 'verifier-has-no-dependencies',
      comment: "@portcullis/verifier uses Node's own modules and no package. Its adapters may use what they adapt to.",
      severity: 'error',
      from: { path: '^packages/verifier/', pathNot: `^packages/verifier/src/(fastify\\.ts$|nest/)|${TESTS}` },
      to: { dependencyTypesNot: ['core', 'local', 'localmodule'] },
    },
    {
      name: 'adapters-use-what-they-adapt-to',
      comment: 'The peers of @portcullis/verifier.',
      severity: 'error',
      from: { path: '^packages/verifier/src/(fastify\\.ts$|nest/)', pathNot: TESTS },
      to: {
        dependencyTypesNot: ['core', 'local', 'localmodule'],
        pathNot: '(^|/)node_modules/(fastify|@nestjs/(common|core))/',
      },
    },
    {
      name: 'core-knows-no-adapter',
      comment: 'Of @portcullis/verifier, what everybody loads must not load an adapter.',
      severity: 'error',
      from: {
        path: '^packages/verifier/src/',
        pathNot: `^packages/verifier/src/(express|fastify|nest|testing)\\.ts$|^packages/verifier/src/(nest|testing)/|${TESTS}`,
      },
      to: { path: '^packages/verifier/src/((express|fastify|nest|testing)\\.ts$|nest/|testing/|http-access\\.ts$)' },
    },
    {
      name: 'loaded-when-needed',
      comment:
        'They take long to load, and no start needs them: import their types, or them where they are used, by import().',
      severity: 'error',
      from: { path: '^(src|config)/', pathNot: `^src/auth/mfa/(webauthn-ceremonies|attestation)\\.ts$|${TESTS}` },
      to: {
        path: '(^|/)node_modules/(@simplewebauthn/server|ioredis)/|^src/auth/mfa/(webauthn-ceremonies|attestation)\\.ts$',
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'tests-are-not-used',
      comment: 'What ships does not depend on tests or on packages that only development installs.',
      severity: 'error',
      from: { path: '^(src|config|migrations|packages)/', pathNot: TESTS },
      to: { path: TESTS },
    },
    {
      name: 'development-packages-do-not-ship',
      comment: 'The image is pruned to production dependencies.',
      severity: 'error',
      from: { path: '^(src|config|migrations)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-circles',
      comment: 'Two files that need each other are one file, or three.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'imports-resolve',
      comment: 'Build the verifier first (npm run build:verifier) if it is @portcullis/verifier that is missing.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    // Type imports are arrows too.
    tsPreCompilationDeps: true,
    // The workspace link leads to the built verifier, which everybody may import.
    exclude: { path: ['^dist/', '^packages/[^/]+/dist/'] },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
