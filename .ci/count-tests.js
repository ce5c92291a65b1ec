// Prints `N passed, N failed` from the results that jest has written; fails unless each file has passed tests and nothing else.
import { existsSync, readFileSync } from 'node:fs';

const results = process.argv
  .slice(2)
  .map((path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}));
const sum = (...names) =>
  results.flatMap((result) => names.map((name) => result[name] ?? 0)).reduce((one, other) => one + other, 0);

const passed = sum('numPassedTests');
// A file that cannot even be loaded has no tests that could fail.
const failed = sum('numFailedTests', 'numRuntimeErrorTestSuites');
const skipped = sum('numPendingTests', 'numTodoTests');

const isGood =
  results.length > 0 &&
  results.every(({ success, numPassedTests }) => success === true && numPassedTests > 0);
process.exitCode = isGood && failed === 0 && skipped === 0 ? 0 : 1;
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
