import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { repositoryRoot } from './support/source-files.js';

test('a suite without its program is skipped, by name and with the way to install it', () => {
  const run = runFixture('');
  expect(run.output).toContain(
    'Skipped: the tests with no-such-program, which is not installed. To run them: apt-get install no-such-package',
  );
  expect(run).toMatchObject({ status: 0, passed: 1, skipped: 1, failed: 0 });
});

test('with CI=true it is a failing test', () => {
  const run = runFixture('true');
  expect(run.output).toContain('no-such-program is not installed, and CI leaves nothing out.');
  expect(run.output).toContain('To install it: apt-get install no-such-package');
  expect(run).toMatchObject({ status: 1, passed: 1, skipped: 0, failed: 1 });
});

/** Runs the two suites of skip-without.fixture.ts, one with a program that is there and one with a program that is not. */
function runFixture(ci: string) {
  const jest = join(repositoryRoot, 'node_modules/jest/bin/jest.js');
  const fixture = join(repositoryRoot, 'build/test/support/skip-without.fixture.js');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      jest,
      '--json',
      '--selectProjects=sqlite',
      '--testMatch',
      '**/*.fixture.js',
      '--runTestsByPath',
      fixture,
    ],
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
