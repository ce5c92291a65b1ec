// Prints `N passed, N failed` from the results that jest has written; fails unless something passed and nothing else befell.
import { existsSync, readFileSync } from 'node:fs';

const [path = ''] = process.argv.slice(2);
const results = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null;

const passed = results?.numPassedTests ?? 0;
// A file that cannot even be loaded has no tests that could fail.
const failed = (results?.numFailedTests ?? 0) + (results?.numRuntimeErrorTestSuites ?? 0);
const skipped = (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0);

const isGood = results?.success === true && passed > 0 && failed === 0 && skipped === 0;
process.exitCode = isGood ? 0 : 1;
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
