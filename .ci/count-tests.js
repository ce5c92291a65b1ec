// Prints what failed, then `N passed, N failed`, from the results that jest has written. Fails unless each run has passed tests and
// nothing else. The results of a second run (`NAME-again.json`) stand for those of the same files in the first (`NAME.json`).
import { existsSync, readFileSync } from 'node:fs';

const read = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).testResults : []);
const failuresOf = ({ assertionResults }) => assertionResults.filter(({ status }) => status === 'failed');
const hasFailed = (file) => file.status === 'failed' || failuresOf(file).length > 0;
const nameOf = ({ name }) => name.replace(/^.*\/build\//, '');

function tell(title, file) {
  const lines = (text) => text.split('\n').filter(Boolean).slice(0, 12).join('\n    ');
  const failures = failuresOf(file);
  for (const { fullName, failureMessages } of failures)
    process.stdout.write(`${title} ${nameOf(file)}: ${fullName}\n    ${lines(failureMessages.join('\n'))}\n`);
  // A file that cannot even be loaded has no tests that could fail.
  if (failures.length === 0)
    process.stdout.write(`${title} ${nameOf(file)}\n    ${lines(file.message ?? '')}\n`);
}

const paths = process.argv.slice(2).filter((path) => !path.endsWith('-again.json'));
let isGood = paths.length > 0;
const counts = { passed: 0, failed: 0, skipped: 0 };
for (const path of paths) {
  const first = read(path);
  const again = read(path.replace(/\.json$/, '-again.json'));
  const repeated = new Set(again.map(({ name }) => name));
  const files = [...first.filter(({ name }) => !repeated.has(name)), ...again];
  for (const file of first.filter(({ name }) => repeated.has(name)).filter(hasFailed))
    tell('RUN AGAIN', file);
  for (const file of files.filter(hasFailed)) {
    tell('FAILED', file);
    if (failuresOf(file).length === 0) counts.failed += 1;
  }
  const count = { passed: 0, failed: 0 };
  for (const { status } of files.flatMap(({ assertionResults }) => assertionResults)) {
    if (status === 'passed') count.passed += 1;
    else if (status === 'failed') count.failed += 1;
    else counts.skipped += 1;
  }
  counts.passed += count.passed;
  counts.failed += count.failed;
  isGood &&= count.passed > 0;
}

const { passed, failed, skipped } = counts;
process.exitCode = isGood && failed === 0 && skipped === 0 ? 0 : 1;
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
