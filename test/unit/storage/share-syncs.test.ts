import { setImmediate as nextTurn } from 'node:timers/promises';
import { shareSyncs } from '../../../src/storage/local-disk.js';

/** A sync whose runs end one by one, when the test says so. */
function createManualSync() {
  const runs: { path: string; end: (error?: Error) => void }[] = [];
  const sync = shareSyncs(
    (path) =>
      new Promise((resolve, reject) => {
        runs.push({ path, end: (error) => (error ? reject(error) : resolve()) });
      }),
  );
  return { runs, sync };
}

describe('those who sync one directory at the same time', () => {
  test('share a run, but only one that began after they asked', async () => {
    const { runs, sync } = createManualSync();
    const done: string[] = [];
    const all = ['first', 'second', 'third'].map((name) => sync('/a').then(() => done.push(name)));
    expect(runs).toHaveLength(1);

    runs[0]?.end();
    await nextTurn();
    expect([done, runs.length]).toEqual([['first'], 2]);

    all.push(sync('/a').then(() => done.push('fourth')));
    runs[1]?.end();
    await nextTurn();
    expect([done, runs.length]).toEqual([['first', 'second', 'third'], 3]);

    runs[2]?.end();
    await Promise.all(all);
    expect(done).toEqual(['first', 'second', 'third', 'fourth']);
  });

  test('do not wait for other directories', async () => {
    const { runs, sync } = createManualSync();
    const both = Promise.all([sync('/a'), sync('/b')]);
    expect(runs.map(({ path }) => path)).toEqual(['/a', '/b']);
    for (const { end } of runs) end();
    await both;
  });

  test('fail where their own run fails, and later ones do not', async () => {
    const { runs, sync } = createManualSync();
    const first = sync('/a');
    const second = sync('/a');
    runs[0]?.end(new Error('medium'));
    await expect(first).rejects.toThrow('medium');
    await nextTurn();
    runs[1]?.end();
    await expect(second).resolves.toBeUndefined();
  });

  test('need two runs for a hundred', async () => {
    let count = 0;
    const sync = shareSyncs(async () => {
      count += 1;
      await nextTurn();
    });
    await Promise.all(Array.from({ length: 100 }, () => sync('/a')));
    expect(count).toBe(2);
  });
});
