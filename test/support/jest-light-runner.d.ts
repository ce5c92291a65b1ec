/** The package has no types. */
declare module 'jest-light-runner/child-process' {
  export interface TestOfProject {
    path: string;
  }

  export type OnStart = (test: TestOfProject) => Promise<void>;
  export type OnResult = (test: TestOfProject, result: unknown) => Promise<void>;

  export default class LightRunner {
    _globalConfig: unknown;
    _testRunners: Map<object, unknown>;
    constructor(globalConfig: unknown, context: unknown, runnerConfiguration: unknown);
    runTests(
      tests: TestOfProject[],
      watcher: unknown,
      onStart: OnStart,
      onResult: OnResult,
      onFailure: unknown,
    ): Promise<void>;
    _runTest(test: TestOfProject): Promise<unknown>;
  }
}
