import { createRequire } from 'node:module';

interface Test {
  path: string;
  duration?: number;
}

type SequencerClass = new (...options: unknown[]) => { sort(tests: Test[]): Test[] };

const fromJest = createRequire(createRequire(import.meta.url).resolve('jest'));
const { default: Sequencer } = fromJest('@jest/test-sequencer') as { default: SequencerClass };

/** Suites of half a minute, as long as no run has been timed here. */
const slow = [
  's3/store-faults',
  's3/outages',
  's3/move',
  's3/unfinished-work',
  's3/upload-target-crash',
  'postgres/races',
  'postgres/many-processes',
  'postgres/graphile',
  'scanner/clamd',
  'clients/tools',
  'targets/takeover',
  'live/streams',
  'live/fan-out',
  'multipart/small-form',
  'doors/doors-faults',
  'sqlite/counting',
  'api/inlined',
  'crashes/',
  'command/verify',
  'command/sweep',
  'command/older-database',
  'auth/key-command',
];

/** The slowest suites first, so that no core waits for the last one. jest knows the times of former runs, but not in a new clone. */
export default class SlowestFirst extends Sequencer {
  override sort(tests: Test[]): Test[] {
    const isSlow = ({ path, duration }: Test) =>
      duration === undefined && slow.some((name) => path.includes(name));
    const sorted = super.sort(tests);
    return [...sorted.filter(isSlow), ...sorted.filter((test) => !isSlow(test))];
  }
}
