import { readdirSync } from 'node:fs';
import { findProgram } from './build/test/support/skip-without.js';

/** A compiled test runs only while its source is there: a deleted test leaves its JavaScript behind in build/. */
const testMatch = readdirSync(new URL('test', import.meta.url), { recursive: true })
  .filter((path) => path.endsWith('.test.ts'))
  .map((path) => `**/build/test/${path.replaceAll('\\', '/').replace(/\.ts$/, '.js')}`);

/** Every test runs on PostgreSQL too, except where no database is opened or matters, or the test is about one of them. */
const withoutDatabase =
  /\/test\/(base64|download|intake|markdown|multipart|names|policies|scanner|storage|types)\/|\/(address-guard|architecture|check-webhooks|config|keep-alive|large-body|memory-rate-limiter|pages|plan-next|random-documents|read-json-body|skip-without|token-settings)\.test\./;
const ofOneDatabase = /\/test\/(database|postgres)\/|\/(embedded|graphile)\.test\./;

/** Tests that keep bytes in an S3-compatible store. */
const onCeph = /\/test\/(s3|moving)\//;

/** What is about documents, connections, browsers or the scanner: the database only stands by, so one is enough. */
const besideDatabase =
  /\/test\/(browser|clients|json-body|markdown)\/|\/(answers|clamd-service|cors|csrf|documents|floods|hardening|introspection|ports-and-informational|query-limits|scanner-trust|slow-client|slow-clients|slow-requests|socket-bounds|stalled-downloads|turns|upgrade)\.test\./;

const others = [withoutDatabase, besideDatabase, ofOneDatabase, onCeph];
const bothWays = testMatch.filter((path) => !others.some((kind) => kind.test(path)));

/** What is about the files themselves, or about upload targets, which an S3-compatible store answers in its own way. */
const ofFiles =
  /\/(aborts|concurrent-uploads|doors-faults|doors-limits|full-disk|fuzz|incomplete-bytes|isolation|light|metrics|purge|purge-races|purge-targets|rate-limit|sweep|upload-target|verdicts|verify)\.test\./;
/** Tests of the rest that put bytes in and get them out run on both stores; `WHOLE_SUITE_ON_S3=true` adds all others. */
const ofBytes = process.env['WHOLE_SUITE_ON_S3'] === 'true' ? /./ : /\/test\/(api|doors|recipes)\//;

const ceph = {
  globalSetup: '<rootDir>/jest.shared-ceph.js',
  globalTeardown: '<rootDir>/jest.shared-ceph-stop.js',
};

const project = {
  roots: ['<rootDir>/build/test'],
  transform: {},
  runner: 'jest-light-runner/child-process',
  setupFilesAfterEnv: ['<rootDir>/build/test/support/limit-tests.js'],
};

const onS3 = {
  ...project,
  displayName: 'on-s3',
  testMatch: bothWays.filter((path) => ofBytes.test(path) && !ofFiles.test(path)),
  ...ceph,
  setupFiles: ['<rootDir>/build/test/support/use-s3.js'],
};
/** Where it is missing, the tests of the store itself say so, and how to install it. */
const isCephThere = process.env['CI'] === 'true' || findProgram('radosgw') !== null;

export default {
  // Many tests wait for programs, so there may be more of them than cores.
  maxWorkers: 4,
  projects: [
    { ...project, displayName: 'sqlite', testMatch: testMatch.filter((path) => !onCeph.test(path)) },
    {
      ...project,
      displayName: 's3',
      testMatch: testMatch.filter((path) => onCeph.test(path)),
      ...ceph,
    },
    ...(isCephThere ? [onS3] : []),
    {
      ...project,
      displayName: 'postgres',
      testMatch: bothWays,
      globalSetup: '<rootDir>/jest.shared-postgres.js',
      globalTeardown: '<rootDir>/jest.shared-postgres-stop.js',
      setupFiles: ['<rootDir>/build/test/support/use-postgres.js'],
    },
  ],
};
