import { readdirSync } from 'node:fs';

/** A compiled test runs only while its source is there: a deleted test leaves its JavaScript behind in build/. */
const testMatch = readdirSync(new URL('test', import.meta.url), { recursive: true })
  .filter((path) => path.endsWith('.test.ts'))
  .map((path) => `**/build/test/${path.replaceAll('\\', '/').replace(/\.ts$/, '.js')}`);

/** Tests in which the database matters run on PostgreSQL too. */
const onPostgres = /\/test\/(access|api|auth|doors|live|recipes|verdicts)\//;

/** Of these, what is about requests, permissions, load or other programs is the same on both. */
const onlyOnce =
  /\/(permissions|record-authorizer|key-command|incomplete-bytes|token-abuse|token-settings|tokens|doors-faults|fuzz|doors-limits|text-limits|own-variable|load|hostile|metrics|keep-alive|clamd-service|pages)\.test\./;

/** Tests that keep bytes in an S3-compatible store. */
const onCeph = /\/test\/(s3|moving)\//;

/** With it, whatever starts a service runs on PostgreSQL: that takes too long for every day. */
const wholeSuite = process.env.WHOLE_SUITE_ON_POSTGRES === 'true';

const isAboutRows = (path) => onPostgres.test(path) && !onlyOnce.test(path);
const canRunOnPostgres = (path) => !onCeph.test(path) && !/\/test\/postgres\//.test(path);

const project = { roots: ['<rootDir>/build/test'], transform: {} };

export default {
  // Many tests wait for programs, so there may be more of them than cores. The modules of past tests are never freed.
  maxWorkers: 3,
  workerIdleMemoryLimit: '1GB',
  testTimeout: 60_000,
  projects: [
    { ...project, displayName: 'sqlite', testMatch: testMatch.filter((path) => !onCeph.test(path)) },
    {
      ...project,
      displayName: 's3',
      testMatch: testMatch.filter((path) => onCeph.test(path)),
      globalSetup: '<rootDir>/jest.shared-ceph.js',
      globalTeardown: '<rootDir>/jest.shared-ceph-stop.js',
    },
    {
      ...project,
      displayName: 'postgres',
      testMatch: testMatch.filter(wholeSuite ? canRunOnPostgres : isAboutRows),
      globalSetup: '<rootDir>/jest.shared-postgres.js',
      globalTeardown: '<rootDir>/jest.shared-postgres-stop.js',
      setupFiles: ['<rootDir>/build/test/support/use-postgres.js'],
    },
  ],
};
