import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import { JobRow } from '../database/entities/job.js';
import type { Jobs } from '../jobs/jobs.js';
import { readBatches } from './read-rows.js';

/**
 * Hands what is still to be done to the target's engine, and returns how many jobs that are. Exhausted ones stay behind.
 * A job without a key gets its id for one, so that a repeated move does not add it twice.
 */
export async function moveJobs(
  source: EntityManager,
  target: Database,
  jobs: Pick<Jobs, 'enqueue'>,
): Promise<number> {
  let count = 0;
  for await (const batch of readBatches(source, source.connection.getMetadata(JobRow))) {
    const open = (batch as JobRow[]).filter(({ state }) => state !== 'EXHAUSTED');
    await target.write(async (manager) => {
      for (const { id, kind, key, payload, runAt } of open) {
        await jobs.enqueue(manager, { kind, payload, key: key ?? id, runAt });
      }
    });
    count += open.length;
  }
  return count;
}
