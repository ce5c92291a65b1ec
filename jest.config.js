import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

if (!existsSync(new URL('build/test', import.meta.url))) {
  throw new Error(
    'Nothing is compiled yet. `npm test` compiles and runs; `npm run build:test` only compiles.',
  );
}

const inTests = (globs) => globs.map((glob) => `<rootDir>/build/test/${glob}/**/*.test.js`);

const project = {
  roots: ['<rootDir>/build/test'],
  transform: {},
  runner: '<rootDir>/build/test/support/test-runner.js',
  setupFilesAfterEnv: ['<rootDir>/build/test/support/limit-tests.js'],
};

/** For tests that start what is shipped. */
const started = { ...project, globalSetup: '<rootDir>/build/test/support/bundle-sources.js' };

/** Rows in one PostgreSQL server for all files of the project. */
const onPostgres = {
  globalSetup: '<rootDir>/build/test/support/shared-postgres.js',
  globalTeardown: '<rootDir>/build/test/support/stop-shared-postgres.js',
  setupFiles: ['<rootDir>/build/test/support/use-postgres.js'],
};

/** One S3-compatible store for all files of the project. */
const withStore = {
  globalSetup: '<rootDir>/build/test/support/shared-ceph.js',
  globalTeardown: '<rootDir>/build/test/support/stop-shared-ceph.js',
};

/** Bytes in a bucket of that store for each process of the tests. */
const onStore = { ...withStore, setupFiles: ['<rootDir>/build/test/support/use-s3.js'] };

const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
const isStoreInstalled = folders.some((folder) => {
  try {
    accessSync(join(folder, 'radosgw'), constants.X_OK);
    return true;
  } catch {
    return false;
  }
});

/** The part of `system` that is quick: what a newcomer meets first, as it is shipped. */
const shipped = ['api', 'docs', 'http', 'package', 'process'];

/** Suites of the service that take long: they run with the engines. */
const lengthy = [
  'races/*',
  'api/archive',
  'api/paging',
  'cleaning/erase',
  'cleaning/purge-targets',
  'quotas/quotas',
  'targets/takeover',
];

/** `npm test` runs the first three projects, `npm run test:engines` the others. */
export default {
  // Many tests wait for programs, so there may be more of them than cores.
  maxWorkers: 4,
  testSequencer: '<rootDir>/build/test/support/slowest-first.js',
  projects: [
    { ...project, displayName: 'unit', testMatch: inTests(['unit']) },
    {
      ...project,
      displayName: 'service',
      testMatch: inTests(['service']),
      testPathIgnorePatterns: lengthy.map((name) => `service/${name.replace('*', '')}`),
    },
    { ...started, displayName: 'shipped', testMatch: inTests(shipped.map((folder) => `system/${folder}`)) },
    {
      ...started,
      displayName: 'system',
      testMatch: inTests(['system']),
      testPathIgnorePatterns: [`system/(?:${shipped.join('|')})/`],
    },
    {
      ...project,
      displayName: 'sqlite',
      testMatch: [
        ...inTests(['engines/sqlite']),
        ...lengthy.map((name) => `<rootDir>/build/test/service/${name}.test.js`),
      ],
    },
    {
      ...project,
      displayName: 'on-postgres',
      testMatch: inTests(['service', 'system/crashes']),
      // Streams of events, names, kinds of files and the client meet the database only by ways that others try.
      testPathIgnorePatterns: [
        'service/live/streams',
        'service/doors/(?:names|file-kinds)',
        'service/client/',
      ],
      ...onPostgres,
    },
    { ...project, displayName: 'postgres', testMatch: inTests(['engines/postgres']) },
    { ...project, displayName: 's3', testMatch: inTests(['engines/s3']), ...withStore },
    // Without the store's programs the suites of `s3` say how to install them.
    ...(isStoreInstalled || process.env['CI'] === 'true'
      ? [
          {
            ...project,
            displayName: 'on-s3',
            // Not service/targets: there the service itself takes the bytes that a store would.
            testMatch: inTests(['service/api', 'service/doors', 'service/recipes']),
            // These ask for rows alone.
            testPathIgnorePatterns: ['api/planned-answers', 'api/paging', 'doors/names'],
            ...onStore,
          },
        ]
      : []),
  ],
};
