import type { DataSource } from 'typeorm';

/** How often the time is asked for anew: clocks of machines drift apart by some milliseconds in it. */
const intervalMs = 60_000;
/** An answer that took longer says too little. */
const longestAnswerMs = 1_000;
/** Attempts to read the clock of a database that is busy while the process starts. */
const firstTries = 10;

/** The time of a database, known between two questions by what has passed since. */
export interface DatabaseClock {
  now(): Date;
  stop(): void;
}

/**
 * The database's time, so that all processes on it agree about what has expired, whatever their machines' clocks say. Until the
 * first answer, and without any, it is this machine's.
 */
export async function followClock(source: Pick<DataSource, 'query'>): Promise<DatabaseClock> {
  let offsetMs = Date.now() - performance.now();
  let isKnown = false;
  const measure = async () => {
    const measured = await measureOffset(source);
    if (measured === null) return;
    offsetMs = measured;
    isKnown = true;
  };
  for (let left = firstTries; left > 0 && !isKnown; left -= 1) await measure();
  // The offset stays as it is while the database does not answer.
  const timer = setInterval(() => void measure().catch(() => undefined), intervalMs).unref();
  return {
    now: () => new Date(offsetMs + performance.now()),
    stop: () => clearInterval(timer),
  };
}

/** Offset to add to this process's monotonic clock, in milliseconds; null if the answer took too long. */
async function measureOffset(source: Pick<DataSource, 'query'>): Promise<number | null> {
  const asked = performance.now();
  const [{ time }] = await source.query<[{ time: number }]>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS time',
  );
  const answered = performance.now();
  return answered - asked > longestAnswerMs ? null : time - (asked + answered) / 2;
}
