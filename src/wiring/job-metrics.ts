import { Gauge, type Registry } from 'prom-client';
import type { JobCounts, Jobs } from '../jobs/jobs.js';

export interface JobMetricsDependencies {
  registry: Registry;
  jobs: Pick<Jobs, 'counts'>;
  clock: () => Date;
  /** Those of which zeros are told, too. */
  kinds: readonly string[];
  onCountFailed(error: unknown): void;
}

/** However often it is scraped, the jobs are counted once in so long. */
const countedForMs = 5_000;

const states = ['waiting', 'running', 'exhausted'] as const;

/** Tells how many jobs there are and how late the oldest of those that are due is. Where they cannot be counted, nothing of them. */
export function measureJobs(deps: JobMetricsDependencies): void {
  const { registry, clock, kinds } = deps;
  const counted = countSeldom(deps);
  const count = new Gauge({
    name: 'claimcheck_jobs',
    help: 'Jobs by kind and state; waiting ones may be due later.',
    labelNames: ['kind', 'state'],
    registers: [registry],
    collect: async () => {
      count.reset();
      const counts = await counted();
      for (const each of counts ? withZeros(kinds, counts) : []) {
        for (const state of states) count.set({ kind: each.kind, state }, each[state]);
      }
    },
  });
  const lag = new Gauge({
    name: 'claimcheck_job_lag_seconds',
    help: 'Since when the oldest job that is due has been waiting.',
    labelNames: ['kind'],
    registers: [registry],
    collect: async () => {
      lag.reset();
      const counts = await counted();
      for (const { kind, oldestDueAt } of counts ? withZeros(kinds, counts) : []) {
        lag.set({ kind }, oldestDueAt ? Math.max(0, clock().getTime() - oldestDueAt.getTime()) / 1_000 : 0);
      }
    },
  });
}

function countSeldom({
  jobs,
  onCountFailed,
}: JobMetricsDependencies): () => Promise<readonly JobCounts[] | null> {
  let latest: Promise<readonly JobCounts[] | null> = Promise.resolve(null);
  let countedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - countedAt < countedForMs) return latest;
    countedAt = now;
    latest = jobs.counts().catch((error: unknown) => {
      onCountFailed(error);
      return null;
    });
    return latest;
  };
}

function withZeros(kinds: readonly string[], counts: readonly JobCounts[]): readonly JobCounts[] {
  const missing = kinds.filter((kind) => !counts.some((each) => each.kind === kind));
  const none = { waiting: 0, running: 0, exhausted: 0, oldestDueAt: null };
  return [...counts, ...missing.map((kind) => ({ kind, ...none }))];
}
