import type { EntityManager } from 'typeorm';
import type { UploadTargetRow } from '../database/entities/upload-target.js';
import { Parameters } from '../database/read-rows.js';
import { hasRowLocks } from '../database/row-locks.js';
import { type AttachmentError, fault } from '../errors.js';
import { clientsOfOrganization } from '../limits/places.js';

/** Bounds of one principal's upload targets that no attachment uses yet; 0 is none. An organization has a few times as much. */
export interface UnusedTargetLimits {
  count: number;
  bytes: number;
}

interface Held {
  count: number;
  bytes: number;
}

/** Nearer to a bound than this, creations of one organization wait for each other: fewer than so many are under way at once. */
const nearCount = 1_000;
const nearBytesShare = 0.5;

const retryAfterSeconds = 60;

/**
 * To be called in the transaction that has made a target: throws RATE_LIMITED if its principal, or its organization, has too many that
 * no attachment uses yet, or too many bytes in them. One alone may have any number of bytes.
 */
export async function assertFewUnused(
  manager: EntityManager,
  limits: UnusedTargetLimits,
  target: UploadTargetRow,
): Promise<void> {
  if (limits.count === 0 && limits.bytes === 0) return;
  const before = await readHeld(manager, target);
  if (!isNear(before, limits)) return;
  // Those that are being made at the same time count from here on.
  if (hasRowLocks(manager))
    await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `upload targets ${target.organizationId}`,
    ]);
  const excess = excessOf(await readHeld(manager, target), limits, target);
  if (excess) throw excess;
}

const isNear = (held: HeldBy, limits: UnusedTargetLimits): boolean =>
  bounds.some(
    ([whose, shares]) =>
      held[whose].count > limits.count * shares - nearCount ||
      held[whose].bytes > limits.bytes * shares * nearBytesShare,
  );

type HeldBy = Record<'principal' | 'organization', Held>;

const bounds = [
  ['principal', 1],
  ['organization', clientsOfOrganization],
] as const;

/** The bound that is passed; null if none is. */
function excessOf(
  held: HeldBy,
  limits: UnusedTargetLimits,
  { size }: UploadTargetRow,
): AttachmentError | null {
  for (const [whose, shares] of bounds) {
    const { count, bytes } = held[whose];
    const most = { count: limits.count * shares, bytes: limits.bytes * shares };
    if (most.count > 0 && count > most.count) {
      const msg = `At most ${most.count} upload targets of one ${whose} may be without an attachment.`;
      return fault('too_many_targets', ['input'], msg, {
        message: msg,
        limit: most.count,
        retryAfterSeconds,
      });
    }
    if (most.bytes > 0 && bytes > most.bytes && bytes > size) {
      const msg = `Upload targets of one ${whose} without an attachment may have ${most.bytes} bytes together.`;
      return fault('too_many_target_bytes', ['input', 'size'], msg, {
        message: msg,
        limit: most.bytes,
        retryAfterSeconds,
      });
    }
  }
  return null;
}

/** The bounds bound the rows, too, that this looks at: it reads an index. Bytes that came too late to come at all hold nothing. */
async function readHeld(manager: EntityManager, target: UploadTargetRow): Promise<HeldBy> {
  const { organizationId, principalId, createdAt } = target;
  const sql = new Parameters(manager);
  const bytes = `CASE WHEN state = 'OPEN' AND expires_at <= ${sql.add(createdAt.getTime())} THEN 0 ELSE size END`;
  const isTheirs = `principal_id = ${sql.add(principalId)}`;
  const [row] = await manager.query<Record<string, number | string>[]>(
    `SELECT COUNT(*) AS count, COALESCE(SUM(${bytes}), 0) AS bytes,
       COALESCE(SUM(CASE WHEN ${isTheirs} THEN 1 ELSE 0 END), 0) AS own_count,
       COALESCE(SUM(CASE WHEN ${isTheirs} THEN ${bytes} ELSE 0 END), 0) AS own_bytes
     FROM upload_targets WHERE organization_id = ${sql.add(organizationId)} AND expires_at IS NOT NULL`,
    sql.values,
  );
  const heldBy = (prefix: string) => ({
    count: Number(row?.[`${prefix}count`]),
    bytes: Number(row?.[`${prefix}bytes`]),
  });
  return { principal: heldBy('own_'), organization: heldBy('') };
}
