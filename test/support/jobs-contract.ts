import type { Database } from '../../src/database/database.js';
import type { JobHandler, Jobs } from '../../src/jobs/jobs.js';
import { report } from './report.js';

/** One process's engine, on rows that other engines of the same test share. */
export interface JobsStage {
  database: Database;
  /** Another process on the same rows; `leaseMs` is how soon it counts as dead. */
  engine(options?: { leaseMs?: number }): Jobs;
  /** As if the process of this engine had been killed: it says nothing any more, and lets go of nothing. */
  kill(engine: Jobs): void;
  close(): Promise<void>;
}

export const handler = (run: JobHandler['run'], more: Partial<JobHandler> = {}): JobHandler => ({
  retryDelaysMs: [],
  concurrency: 10,
  ...more,
  run,
});

export async function until(condition: () => boolean | Promise<boolean>, ms = 50_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('It did not come to that in time.');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Tests of what every engine of jobs has to do. */
export function jobsContract(open: () => Promise<JobsStage>): void {
  let stage: JobsStage;
  beforeEach(async () => {
    stage = await open();
  });
  afterEach(() => stage.close());

  const enqueue = (jobs: Jobs, payload: object, more: { key?: string; runAt?: Date } = {}) =>
    stage.database.write((manager) => jobs.enqueue(manager, { kind: 'note', payload, ...more }));
  const isDone = async (jobs: Jobs) =>
    (await jobs.counts()).every(({ waiting, running }) => waiting + running === 0);

  test('a job runs once its transaction is committed, and never where that is undone', async () => {
    const jobs = stage.engine();
    const seen: unknown[] = [];
    await jobs.work({ note: handler(async (payload) => void seen.push(payload)) });
    const undone = stage.database.write(async (manager) => {
      await jobs.enqueue(manager, { kind: 'note', payload: { n: 1 } });
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    await enqueue(jobs, { n: 2 });
    await until(() => isDone(jobs));
    expect(seen).toEqual([{ n: 2 }]);
    expect(await jobs.counts()).toEqual([]);
  });

  test('each of 200 interleaved transactions that commits has its job run, though a third fail', async () => {
    const jobs = stage.engine();
    const seen: number[] = [];
    await jobs.work({ note: handler(async (payload) => void seen.push((payload as { n: number }).n)) });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 200 }, (_, n) =>
        stage.database.write(async (manager) => {
          await jobs.enqueue(manager, { kind: 'note', payload: { n } });
          if (n % 3 === 0) throw new Error('undone');
        }),
      ),
    );
    await until(() => isDone(jobs));
    const held = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
    expect(seen.toSorted((a, b) => a - b)).toEqual(held);
    report(`${held.length} jobs of 200 transactions`);
  });

  test('a job that fails is tried again after its delays, then kept with its last error', async () => {
    const jobs = stage.engine();
    const attempts: [number, boolean, number][] = [];
    const given: unknown[] = [];
    const run: JobHandler['run'] = async (_, { number, isLast }) => {
      attempts.push([number, isLast, performance.now()]);
      throw new Error(`no ${number}`);
    };
    const giveUp = async (payload: unknown) => void given.push(payload);
    await jobs.work({ note: handler(run, { retryDelaysMs: [100, 300], giveUp }) });
    await enqueue(jobs, { n: 1 });
    await until(async () => (await jobs.exhausted(10)).length === 1);
    expect(attempts.map(([number, isLast]) => [number, isLast])).toEqual([
      [1, false],
      [2, false],
      [3, true],
    ]);
    const [first, second, third] = attempts.map(([, , at]) => at) as [number, number, number];
    expect(second - first).toBeGreaterThanOrEqual(95);
    expect(third - second).toBeGreaterThanOrEqual(295);
    expect(given).toEqual([{ n: 1 }]);
    expect(await jobs.exhausted(10)).toMatchObject([
      { kind: 'note', payload: { n: 1 }, attempts: 3, lastError: 'no 3' },
    ]);
    expect(await jobs.counts()).toMatchObject([{ kind: 'note', waiting: 0, running: 0, exhausted: 1 }]);
  });

  test('an exhausted job can be tried again, with all its attempts; one of its key that waits does for both', async () => {
    const jobs = stage.engine();
    let fails = true;
    const seen: unknown[] = [];
    const run: JobHandler['run'] = async (payload, { number }) => {
      seen.push([(payload as { n: number }).n, number]);
      if (fails) throw new Error('not yet');
    };
    await jobs.work({ note: handler(run, { retryDelaysMs: [0] }) });
    await enqueue(jobs, { n: 1 }, { key: 'one' });
    await enqueue(jobs, { n: 2 }, { key: 'two' });
    await enqueue(jobs, { n: 3 });
    await until(async () => (await jobs.exhausted(10)).length === 3);
    const failed = await jobs.exhausted(10);
    expect(failed.map(({ key }) => key).toSorted()).toEqual(['one', 'two', null].toSorted());
    expect(await jobs.retryExhausted('01890000-0000-7000-8000-000000000000')).toBe(0);
    fails = false;
    seen.length = 0;
    expect(await jobs.retryExhausted(failed.find(({ key }) => key === 'one')?.id ?? '')).toBe(1);
    await until(() => isDone(jobs));
    expect(seen).toEqual([[1, 1]]);
    await enqueue(jobs, { n: 4 }, { key: 'two', runAt: new Date(Date.now() + 2_500) });
    expect(await jobs.retryExhausted(null)).toBe(2);
    await until(() => isDone(jobs));
    expect(seen).toEqual([
      [1, 1],
      [3, 1],
      [4, 1],
    ]);
    expect([await jobs.counts(), await jobs.retryExhausted(null)]).toEqual([[], 0]);
  });

  test('a job for later waits for its time', async () => {
    const jobs = stage.engine();
    const ranAt: number[] = [];
    await jobs.work({ note: handler(async () => void ranAt.push(Date.now())) });
    const runAt = new Date(Date.now() + 400);
    await enqueue(jobs, {}, { runAt });
    await until(() => isDone(jobs));
    expect(ranAt[0]).toBeGreaterThanOrEqual(runAt.getTime());
  });

  test('at most one job of a key waits, and never two run at once', async () => {
    const jobs = stage.engine();
    const seen: number[] = [];
    let running = 0;
    let most = 0;
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const run: JobHandler['run'] = async (payload) => {
      running += 1;
      most = Math.max(most, running);
      seen.push((payload as { n: number }).n);
      await gate;
      running -= 1;
    };
    await jobs.work({ note: handler(run) });
    await enqueue(jobs, { n: 1 }, { key: 'k' });
    await until(() => seen.length === 1);
    for (const n of [2, 3, 4]) await enqueue(jobs, { n }, { key: 'k' });
    await pause(100);
    open();
    await until(() => isDone(jobs));
    expect(seen).toEqual([1, 4]);
    expect(most).toBe(1);
  });

  test('a job that fails while one of its key waits leaves the work to that', async () => {
    const jobs = stage.engine();
    const seen: [n: number, attempt: number][] = [];
    let enqueued = 1;
    const run: JobHandler['run'] = async (payload, { number }) => {
      const attempt = seen.push([(payload as { n: number }).n, number]);
      if (attempt < 3) await until(() => enqueued > attempt);
      if (attempt < 4) throw new Error('not yet');
    };
    await jobs.work({ note: handler(run, { retryDelaysMs: [50, 50, 50] }) });
    await enqueue(jobs, { n: 1 }, { key: 'k' });
    for (const n of [2, 3]) {
      await until(() => seen.length === n - 1);
      await enqueue(jobs, { n }, { key: 'k' });
      enqueued = n;
    }
    await until(() => isDone(jobs));
    expect(seen).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [3, 2],
    ]);
  });

  test('no more of a kind run at once than it allows', async () => {
    const jobs = stage.engine();
    let running = 0;
    let most = 0;
    const run = async () => {
      running += 1;
      most = Math.max(most, running);
      await pause(5);
      running -= 1;
    };
    await jobs.work({ note: handler(run, { concurrency: 3 }) });
    await Promise.all(Array.from({ length: 40 }, (_, n) => enqueue(jobs, { n })));
    await until(() => isDone(jobs));
    expect(most).toBe(3);
  });

  test('a process that stops gives back what it cannot finish, and the attempt does not count', async () => {
    const first = stage.engine();
    const begun = new Promise<void>((resolve) => {
      void first.work({
        note: handler(async (_, { signal }) => {
          resolve();
          await new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason)),
          );
        }),
      });
    });
    await enqueue(first, { n: 1 });
    await begun;
    await first.stop(5_000);
    const second = stage.engine();
    const attempts: number[] = [];
    await second.work({ note: handler(async (_, { number }) => void attempts.push(number)) });
    await until(() => attempts.length > 0);
    expect(attempts).toEqual([1]);
  });

  test('a job that a dead process had in hand runs again, and counts as an attempt', async () => {
    const first = stage.engine({ leaseMs: 300 });
    let begun = false;
    await first.work({
      note: handler(() => {
        begun = true;
        return new Promise(() => {});
      }),
    });
    await enqueue(first, { n: 1 });
    await until(() => begun);
    stage.kill(first);
    const second = stage.engine({ leaseMs: 300 });
    const attempts: number[] = [];
    const run: JobHandler['run'] = async (_, { number }) => void attempts.push(number);
    await second.work({ note: handler(run, { retryDelaysMs: [0] }) });
    await until(() => attempts.length > 0);
    expect(attempts).toEqual([2]);
  });

  test('a job that ends its process in each attempt is given up', async () => {
    const given: unknown[] = [];
    for (let round = 0; round < 2; round += 1) {
      const engine = stage.engine({ leaseMs: 200 });
      let begun = false;
      const run = () => {
        begun = true;
        return new Promise<void>(() => {});
      };
      await engine.work({ note: handler(run, { retryDelaysMs: [0] }) });
      if (round === 0) await enqueue(engine, { n: 1 });
      await until(() => begun);
      stage.kill(engine);
    }
    const last = stage.engine({ leaseMs: 200 });
    const giveUp = async (payload: unknown) => void given.push(payload);
    await last.work({ note: handler(async () => {}, { retryDelaysMs: [0], giveUp }) });
    await until(async () => (await last.exhausted(1)).length === 1);
    expect(given).toEqual([{ n: 1 }]);
  });

  test('two processes share the work, and no job runs in both', async () => {
    const seen: number[][] = [[], []];
    const engines = [stage.engine(), stage.engine()];
    for (const [index, engine] of engines.entries()) {
      const run: JobHandler['run'] = async (payload) => {
        seen[index]?.push((payload as { n: number }).n);
        await pause(2);
      };
      await engine.work({ note: handler(run, { concurrency: 2 }) });
    }
    const [first] = engines as [Jobs, Jobs];
    await Promise.all(Array.from({ length: 300 }, (_, n) => enqueue(first, { n })));
    await until(() => isDone(first), 30_000);
    expect(seen.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, n) => n));
    report(`two processes: ${seen.map(({ length }) => length).join(' and ')} jobs`);
  });

  test('a hundred jobs one after another, and a thousand at once, all run', async () => {
    const jobs = stage.engine();
    const delays: number[] = [];
    const run = async (payload: unknown) => {
      delays.push(performance.now() - (payload as { at: number }).at);
    };
    await jobs.work({ note: handler(run) });
    for (let count = 0; count < 100; count += 1) await enqueue(jobs, { at: performance.now() });
    await until(() => delays.length === 100, 60_000);
    const median = delays.toSorted((a, b) => a - b)[50] ?? 0;
    const start = performance.now();
    await Promise.all(Array.from({ length: 1_000 }, () => enqueue(jobs, { at: performance.now() })));
    await until(() => delays.length === 1_100, 60_000);
    const rate = 1_000 / ((performance.now() - start) / 1_000);
    report(
      `from enqueueing to start ${median.toFixed(1)} ms at the median; ${rate.toFixed(0)} jobs a second`,
    );
  }, 120_000);
}
