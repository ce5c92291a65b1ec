import { readdirSync } from 'node:fs';

/** A compiled test runs only while its source is there: a deleted test leaves its JavaScript behind in build/. */
const testMatch = readdirSync(new URL('test', import.meta.url), { recursive: true })
  .filter((path) => path.endsWith('.test.ts'))
  .map((path) => `**/build/test/${path.replaceAll('\\', '/').replace(/\.ts$/, '.js')}`);

export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/build/test'],
  testMatch,
  transform: {},
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  testTimeout: 60_000,
  maxWorkers: 2,
};
