import { createRequire } from 'node:module';

interface Test {
  path: string;
  duration?: number;
}

type SequencerClass = new (...options: unknown[]) => { sort(tests: Test[]): Test[] };

const fromJest = createRequire(createRequire(import.meta.url).resolve('jest'));
const { default: Sequencer } = fromJest('@jest/test-sequencer') as { default: SequencerClass };

/** Suites of about half a minute, as long as no run has been timed here. */
const slow = [
  's3/store-faults',
  's3/unfinished-work',
  's3/move',
  's3/outages',
  's3/upload-target-crash',
  'postgres/races',
  'postgres/graphile',
  'postgres/many-processes',
  'command/verify',
  'command/inlined',
  'browser/',
  'remote/',
  'scanner/clamd',
  'clients/tools',
  'limits/stored-descriptions',
  'limits/descriptions',
  'limits/slow-many',
  'limits/documents',
  'pitfalls/unread-bodies',
  'download/stalled-downloads',
  'access/authorizer-outage',
  'auth/key-command',
  'doors/fuzz',
  'doors/doors-limits',
  'crashes/',
  'races/races',
  'api/archive',
  'api/paging',
  'api/inlined',
  'api/copy-record',
  'targets/takeover',
  'cleaning/erase',
  'cleaning/purge-targets',
  'quotas/quotas',
];

/**
 * The slowest suites first, so that no core waits for the last one. jest knows the times of former runs, but not in a new clone. In any
 * order where time may run out, so that it is not always the same ones that are left out.
 */
export default class SlowestFirst extends Sequencer {
  override sort(tests: Test[]): Test[] {
    if (process.env['TESTS_BEGIN_UNTIL']) return shuffle(tests);
    const isSlow = ({ path, duration }: Test) =>
      duration === undefined && slow.some((name) => path.includes(name));
    const sorted = super.sort(tests);
    return [...sorted.filter(isSlow), ...sorted.filter((test) => !isSlow(test))];
  }
}

function shuffle(tests: readonly Test[]): Test[] {
  const placed = tests.map((test) => ({ test, place: Math.random() }));
  return placed.sort((one, other) => one.place - other.place).map(({ test }) => test);
}
