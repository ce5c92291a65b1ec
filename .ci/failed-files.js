// Prints the test files of a run that have failed, a line each; nothing where they are too many to be worth a second run.
import { existsSync, readFileSync } from 'node:fs';

const most = 5;
const [path] = process.argv.slice(2);
const results = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).testResults : [];
const failed = new Set(results.filter(({ status }) => status === 'failed').map(({ name }) => name));
if (failed.size <= most) for (const name of failed) process.stdout.write(`${name}\n`);
