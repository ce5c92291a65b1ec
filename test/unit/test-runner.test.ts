import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { repositoryRoot } from '../support/source-files.js';

test('a suite without its program is skipped, by name and with the way to install it', () => {
  const run = runFixture('skip-without', '');
  expect(run.output).toContain(
    'Skipped: the tests with no-such-program, which is not installed. To run them: apt-get install no-such-package',
  );
  expect(run).toMatchObject({ status: 0, passed: 1, skipped: 1, failed: 0 });
});

test('with CI=true it is a failing test', () => {
  const run = runFixture('skip-without', 'true');
  expect(run.output).toContain('no-such-program is not installed, and CI leaves nothing out.');
  expect(run.output).toContain('To install it: apt-get install no-such-package');
  expect(run).toMatchObject({ status: 1, passed: 1, skipped: 0, failed: 1 });
});

test('every kind of test works, and a failure points at its line of TypeScript', () => {
  const run = runFixture('kinds-of-tests', '');
  expect(run).toMatchObject({ status: 1, passed: 5, skipped: 1, failed: 2 });
  expect(run.output).toContain('test/support/kinds-of-tests.fixture.ts:2:');
  expect(run.output).toContain('The test is marked as failing, and passes.');
});

/** Runs `<name>.fixture.ts` with no program in PATH but Node. */
function runFixture(name: string, ci: string) {
  const jest = join(repositoryRoot, 'node_modules/jest/bin/jest.js');
  const fixture = join(repositoryRoot, `build/test/support/${name}.fixture.js`);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [jest, '--json', '--selectProjects=unit', '--testMatch', '**/*.fixture.js', '--runTestsByPath', fixture],
    {
      cwd: repositoryRoot,
      encoding: 'utf8',
      env: { ...process.env, CI: ci, PATH: dirname(process.execPath) },
    },
  );
  const result: Record<string, number> = JSON.parse(stdout);
  return {
    status,
    output: stderr,
    passed: result['numPassedTests'],
    skipped: result['numPendingTests'],
    failed: result['numFailedTests'],
  };
}
