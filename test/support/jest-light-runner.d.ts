/** The package has no types. */
declare module 'jest-light-runner/child-process' {
  export interface TestOfProject {
    path: string;
  }

  export default class LightRunner {
    _globalConfig: unknown;
    _testRunners: Map<object, unknown>;
    constructor(globalConfig: unknown, context: unknown, runnerConfiguration: unknown);
  }
}
