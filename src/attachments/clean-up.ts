import { purgeEvents } from '../audit/purge-events.js';
import { dropUnusedTargets } from './drop-unused-targets.js';
import { type PurgeExpiredDependencies, purgeExpired } from './purge-expired.js';
import { forgetCreations } from './recall-creation.js';
import { type RemoveBytesDependencies, removeDueBytes } from './remove-bytes.js';
import { sweepStorage } from './sweep-storage.js';

export interface CleanUpDependencies extends RemoveBytesDependencies, PurgeExpiredDependencies {
  /** How long audit events are kept; 0 is for good. */
  auditRetentionMs: number;
}

/** Removes what nobody can come to use any more: expired attachments, unused upload targets, outlived idempotency keys and audit events, bytes that are due or that no row names. */
export async function cleanUp(deps: CleanUpDependencies, signal?: AbortSignal): Promise<void> {
  const now = deps.clock();
  await purgeExpired(deps);
  await dropUnusedTargets(deps.database, now);
  await forgetCreations(deps.database, now);
  await purgeEvents(deps.database, now, deps.auditRetentionMs);
  await removeDueBytes(deps);
  await sweepStorage(deps, { lookBackMs: 0, ...(signal ? { signal } : {}) });
}
