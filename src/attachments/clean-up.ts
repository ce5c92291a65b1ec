import { purgeEvents } from '../audit/purge-events.js';
import { forgetSweptKeys } from './condemn-keys.js';
import { dropUnusedTargets } from './drop-unused-targets.js';
import type { IntakeLeases } from './intake-leases.js';
import { type PurgeExpiredDependencies, purgeExpired } from './purge-expired.js';
import { forgetCreations } from './recall-creation.js';
import { removeDueBytes } from './remove-bytes.js';
import { type SweepStorageDependencies, sweepDeadIntakes, sweepStorage } from './sweep-storage.js';

export interface CleanUpDependencies extends SweepStorageDependencies, PurgeExpiredDependencies {
  /** How long audit events are kept; 0 is for good. */
  auditRetentionMs: number;
  leases: Pick<IntakeLeases, 'isHeld' | 'dead'>;
}

/**
 * Removes what nobody can come to use any more: expired attachments, unused upload targets, outlived idempotency keys and audit
 * events, bytes that are due or that no row names. What fails holds up none of the others; the first fault is thrown at the end.
 */
export async function cleanUp(deps: CleanUpDependencies, signal?: AbortSignal): Promise<void> {
  const now = deps.clock();
  const steps: (() => Promise<unknown>)[] = [
    () => purgeExpired(deps),
    () => dropUnusedTargets(deps, now),
    () => forgetCreations(deps.database, now),
    () => purgeEvents(deps.database, now, deps.auditRetentionMs),
    () => removeDueBytes(deps),
    () => sweepDeadIntakes(deps),
    () => forgetSweptKeys(deps.database, now),
    () => sweepStorage(deps, { lookBackMs: 0, ...(signal ? { signal } : {}) }),
  ];
  const faults: unknown[] = [];
  for (const step of steps) await step().catch((error: unknown) => faults.push(error));
  if (faults.length > 0) throw faults[0];
}
