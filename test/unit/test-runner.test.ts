import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
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

test('processes that start at different speeds each run their file', () => {
  const holdUp = join(repositoryRoot, 'build/test/support/hold-up-processes.js');
  const run = runFixtures(['kinds-of-tests', 'skip-without'], {
    NODE_OPTIONS: `--import=${pathToFileURL(holdUp)}`,
  });
  expect(run).toMatchObject({ status: 1, passed: 6, skipped: 2, failed: 2 });
});

const runFixture = (name: string, ci: string) => runFixtures([name], { CI: ci });

/** Runs each `<name>.fixture.ts` in a process of its own, with no program in PATH but Node. */
function runFixtures(names: string[], env: Record<string, string>) {
  const jest = join(repositoryRoot, 'node_modules/jest/bin/jest.js');
  const fixtures = names.map((name) => join(repositoryRoot, `build/test/support/${name}.fixture.js`));
  const options = ['--json', '--selectProjects=unit', '--testMatch', '**/*.fixture.js', '--maxWorkers=2'];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [jest, ...options, '--runTestsByPath', ...fixtures],
    {
      cwd: repositoryRoot,
      encoding: 'utf8',
      env: { ...process.env, CI: '', ...env, PATH: dirname(process.execPath) },
      timeout: 40_000,
    },
  );
  const result: Record<string, number> = JSON.parse(stdout || '{}');
  return {
    status,
    output: stderr,
    passed: result['numPassedTests'],
    skipped: result['numPendingTests'],
    failed: result['numFailedTests'],
  };
}
