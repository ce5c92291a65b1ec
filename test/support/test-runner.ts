import { appendFileSync } from 'node:fs';
import LightRunner, {
  type OnResult,
  type OnStart,
  type TestOfProject,
} from 'jest-light-runner/child-process';

interface Pool {
  run(path: string, options: { channel: Channel }): Promise<unknown>;
}

interface Runner {
  pool: Pool;
  run(test: TestOfProject): Promise<unknown>;
}

type Listener = (message: object) => void;

/** Leads from the pool to the one process that runs a file. */
interface Channel {
  onMessage(listener: Listener): void;
  postMessage(message: unknown): void;
}

class OwnChannels extends Map<object, Runner> {
  readonly #globalConfig: unknown;

  constructor(globalConfig: unknown) {
    super();
    this.#globalConfig = globalConfig;
  }

  override set(projectConfig: object, { pool }: Runner): this {
    const workerData = { globalConfig: this.#globalConfig, projectConfig, runtime: 'child_process' };
    const run = ({ path }: TestOfProject) => pool.run(path, { channel: openChannel(workerData) });
    return super.set(projectConfig, { pool, run });
  }
}

/** In milliseconds since 1970. No file of tests begins later; the paths of those go into the other file, if one is named. */
const beginUntil = Number(process.env['TESTS_BEGIN_UNTIL'] ?? Number.POSITIVE_INFINITY);
const notBegunFile = process.env['TESTS_NOT_BEGUN'];

/**
 * Runs tests in processes of their own. A process asks for its settings before its first file. jest-light-runner 0.7 answers all
 * processes of a project when one asks, and never again. A process that does not listen yet misses the answer and waits for good.
 * So each process has a channel of its own here.
 */
export default class TestRunner extends LightRunner {
  override _testRunners: Map<object, Runner> = new OwnChannels(this._globalConfig);
  readonly #notBegun = new Set<TestOfProject>();

  override runTests(
    tests: TestOfProject[],
    watcher: unknown,
    onStart: OnStart,
    onResult: OnResult,
    onFailure: unknown,
  ): Promise<void> {
    const start: OnStart = async (test) => {
      if (Date.now() < beginUntil) return onStart(test);
      this.#notBegun.add(test);
      if (notBegunFile) appendFileSync(notBegunFile, `${test.path}\n`);
    };
    const tell: OnResult = async (test, result) => {
      if (!this.#notBegun.has(test)) await onResult(test, result);
    };
    return super.runTests(tests, watcher, start, tell, onFailure);
  }

  override async _runTest(test: TestOfProject): Promise<unknown> {
    return this.#notBegun.has(test) ? null : super._runTest(test);
  }
}

function openChannel(workerData: object): Channel {
  const listeners = new Set<Listener>();
  return {
    onMessage: (listener) => listeners.add(listener),
    postMessage: (message) => {
      if (message !== 'jest-light-runner-get-worker-data') return;
      for (const answer of listeners) answer({ type: 'jest-light-runner-worker-data', workerData });
    },
  };
}
