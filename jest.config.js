import { readdirSync } from 'node:fs';

/** A compiled test runs only while its source is there: a deleted test leaves its JavaScript behind in build/. */
const testMatch = readdirSync(new URL('test', import.meta.url), { recursive: true })
  .filter((path) => path.endsWith('.test.ts'))
  .map((path) => `**/build/test/${path.replaceAll('\\', '/').replace(/\.ts$/, '.js')}`);

export default {
  roots: ['<rootDir>/build/test'],
  testMatch,
  transform: {},
  testTimeout: 60_000,
  maxWorkers: 2,
};
