import type { EntityManager } from 'typeorm';
import type { Jobs } from '../jobs/jobs.js';

export const scanJob = 'scan-blob';

/** Has a blob scanned after the commit of the caller's transaction; once, however many ask for it before it begins. */
export function queueScan(
  jobs: Pick<Jobs, 'enqueue'>,
  manager: EntityManager,
  blobId: string,
): Promise<void> {
  return jobs.enqueue(manager, { kind: scanJob, payload: { blobId }, key: `${scanJob}:${blobId}` });
}
