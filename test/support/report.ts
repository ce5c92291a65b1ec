/** Says in the test run's output what a race, crash or fuzz test did: counts, and the seed to run it again. */
export function report(line: string): void {
  process.stdout.write(`    ${line}\n`);
}
