import { setImmediate as nextRound } from 'node:timers/promises';
import { type Change, Changes } from '../../../src/model/changes.js';

const change: Change = { organizationId: 'o', attachmentId: 'a', records: [] };

test.each<[string, (changes: Changes) => void, (changes: Changes, tell: () => void) => () => void]>([
  [
    'changes',
    (changes) => changes.publish([change]),
    (changes, tell) => changes.listen((told) => void (told[0] === change && tell())),
  ],
  ['gaps', (changes) => changes.deliverGap(), (changes, tell) => changes.listenForGaps(tell)],
])(
  'some listeners to %s are told in a round, and all in the end but those that leave',
  async (_, publish, listen) => {
    const changes = new Changes();
    const told: number[] = [];
    const leave = Array.from({ length: 1_000 }, (_unused, index) => listen(changes, () => told.push(index)));
    publish(changes);
    expect(told).toHaveLength(250);
    leave[999]?.();
    for (let before = told.length; told.length < 999; before = told.length) {
      await nextRound();
      expect(told.length - before).toBeLessThanOrEqual(250);
    }
    await nextRound();
    expect(told).toEqual(Array.from({ length: 999 }, (_unused, index) => index));
  },
);
