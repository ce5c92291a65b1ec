import { Gauge, type Registry } from 'prom-client';
import type { JobCounts, Jobs } from '../jobs/jobs.js';
import { askSeldom } from './metrics.js';

export interface JobMetricsDependencies {
  registry: Registry;
  jobs: Pick<Jobs, 'counts'>;
  clock: () => Date;
  /** Those of which zeros are told, too. */
  kinds: readonly string[];
  onCountFailed(error: unknown): void;
}

const states = ['waiting', 'running', 'exhausted'] as const;

/** Tells how many jobs there are and how late the oldest of those that are due is. Where they cannot be counted, nothing of them. */
export function measureJobs({ registry, jobs, clock, kinds, onCountFailed }: JobMetricsDependencies): void {
  const counted = askSeldom(() => jobs.counts(), onCountFailed);
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

function withZeros(kinds: readonly string[], counts: readonly JobCounts[]): readonly JobCounts[] {
  const missing = kinds.filter((kind) => !counts.some((each) => each.kind === kind));
  const none = { waiting: 0, running: 0, exhausted: 0, oldestDueAt: null };
  return [...counts, ...missing.map((kind) => ({ kind, ...none }))];
}
