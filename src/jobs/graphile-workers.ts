import type { EntityManager } from 'typeorm';
import { jobSchema, query } from './graphile-private.js';

/** For what graphile-worker does not know by itself: which of those that hold jobs still live. By the database's clock. */
export async function createLiveWorkers(manager: EntityManager): Promise<void> {
  await manager.query(
    `CREATE TABLE IF NOT EXISTS ${jobSchema}.live_workers (id text PRIMARY KEY, alive_until timestamptz NOT NULL)`,
  );
}

/** Says that these live, for `leaseMs` from now on. */
export async function keepAlive(
  manager: EntityManager,
  ids: readonly string[],
  leaseMs: number,
): Promise<void> {
  await manager.query(
    `INSERT INTO ${jobSchema}.live_workers (id, alive_until)
     SELECT id, now() + $2 * interval '1 millisecond' FROM unnest($1::text[]) id ORDER BY id
     ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until`,
    [[...ids], leaseMs],
  );
}

/** Says that these are gone, and have nothing in hand. */
export async function removeWorkers(manager: EntityManager, ids: readonly string[]): Promise<void> {
  await manager.query(`DELETE FROM ${jobSchema}.live_workers WHERE id = ANY($1)`, [[...ids]]);
}

/** Has jobs of workers that have died run again. One that has just begun may not have said yet that it lives. */
export async function unlockDeadWorkers(manager: EntityManager, leaseMs: number): Promise<void> {
  const dead = await query<{ id: string }>(
    manager,
    `SELECT DISTINCT locked_by AS id FROM ${jobSchema}.jobs job
     WHERE locked_at < now() - $1 * interval '1 millisecond' AND NOT EXISTS (
       SELECT 1 FROM ${jobSchema}.live_workers worker WHERE worker.id = job.locked_by AND alive_until > now())`,
    [leaseMs],
  );
  const ids = dead.map(({ id }) => id);
  if (ids.length > 0) await manager.query(`SELECT ${jobSchema}.force_unlock_workers($1)`, [ids]);
  await manager.query(`DELETE FROM ${jobSchema}.live_workers WHERE alive_until < now() - interval '1 hour'`);
}
