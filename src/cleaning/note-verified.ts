import type { EntityManager } from 'typeorm';
import { recordEvents } from '../audit/audit-events.js';
import type { Database } from '../database/database.js';
import { type AttachmentRow, AttachmentVersionRow } from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import { changeRows, readRows } from '../database/read-rows.js';
import { lockRows } from '../database/row-locks.js';
import { attachmentsOver } from '../model/attachments-over.js';
import type { Change, Changes } from '../model/changes.js';
import type { VerifiedBlob } from './verify-blobs.js';

/** `damaged` and `missing`: also if that was known. `repaired`: it was known to be one of these. */
export type Finding = 'whole' | 'damaged' | 'missing' | 'repaired';

export interface NoteVerifiedDependencies {
  database: Pick<Database, 'writeInBackground'>;
  clock: () => Date;
  changes: Pick<Changes, 'describe' | 'publish'>;
  /** Told after the commit, of every blob that has been read. */
  onVerified?(finding: Finding, verified: VerifiedBlob): void;
}

/** Blobs that are noted in one transaction. */
const notedAtOnce = 100;

/** A kill loses no more than this of what was read, but for one file. */
const notedAfterMs = 2_000;

/** Writes down what a verification finds, some blobs at a time. */
export class VerifiedNotes {
  readonly #deps: NoteVerifiedDependencies;
  #waiting: VerifiedBlob[] = [];
  #notedAt = performance.now();

  constructor(deps: NoteVerifiedDependencies) {
    this.#deps = deps;
  }

  async add(verified: VerifiedBlob): Promise<void> {
    this.#waiting.push(verified);
    const isDue = performance.now() - this.#notedAt > notedAfterMs;
    if (this.#waiting.length >= notedAtOnce || isDue) await this.flush();
  }

  /** Writes what is left. */
  async flush(): Promise<void> {
    this.#notedAt = performance.now();
    const found = this.#waiting;
    this.#waiting = [];
    if (found.length === 0) return;
    const { database, clock, changes, onVerified } = this.#deps;
    const now = clock();
    const told = await database.writeInBackground((manager) => note(changes, manager, found, now));
    changes.publish(told.changes);
    for (const verified of found) {
      const isRepaired = told.repaired.has(verified.blob.id);
      onVerified?.(verified.fault?.kind ?? (isRepaired ? 'repaired' : 'whole'), verified);
    }
  }
}

interface Noted {
  changes: Change[];
  /** Ids of blobs. */
  repaired: ReadonlySet<string>;
}

const idsOf = (found: readonly VerifiedBlob[]) => found.map(({ blob }) => blob.id);

type Describing = Pick<Changes, 'describe'>;

async function note(
  changes: Describing,
  manager: EntityManager,
  found: readonly VerifiedBlob[],
  now: Date,
): Promise<Noted> {
  const isPlain = found.every(({ blob, fault }) => fault === null && blob.damagedAt === null);
  if (isPlain) {
    await noteWhole(manager, idsOf(found), now);
    return { changes: [], repaired: new Set() };
  }
  await lockRows(manager, BlobRow, idsOf(found), 'UPDATE');
  const rows = await readRows(manager, BlobRow, (sql) => sql.isOneOf('id', idsOf(found)));
  const wasDamaged = new Map(rows.map(({ id, damagedAt }) => [id, damagedAt !== null]));
  const faulty = found.filter(({ blob, fault }) => fault !== null && wasDamaged.has(blob.id));
  const repaired = found.filter(
    ({ blob, fault }) => fault === null && blob.damagedAt !== null && wasDamaged.get(blob.id),
  );
  await noteDamage(manager, faulty, now);
  await noteRepair(manager, idsOf(repaired));
  await noteWhole(manager, idsOf(found.filter(({ fault }) => fault === null)), now);
  const isNew = faulty.filter(({ blob }) => wasDamaged.get(blob.id) === false);
  const told = [
    ...(await tellOf(changes, manager, { action: 'ATTACHMENT_DAMAGED', found: isNew, at: now })),
    ...(await tellOf(changes, manager, { action: 'ATTACHMENT_REPAIRED', found: repaired, at: now })),
  ];
  return { changes: told, repaired: new Set(idsOf(repaired)) };
}

/** One that another process has found damaged meanwhile stays so until it is read again. */
async function noteWhole(manager: EntityManager, ids: readonly string[], now: Date): Promise<void> {
  await changeRows(
    manager,
    (sql) =>
      `UPDATE blobs SET verified_at = ${sql.add(now.getTime())} WHERE ${sql.isOneOf('id', ids)} AND damaged_at IS NULL`,
  );
}

const maxReasonLength = 255;

async function noteDamage(manager: EntityManager, faulty: readonly VerifiedBlob[], now: Date): Promise<void> {
  if (faulty.length === 0) return;
  const reasons = faulty.map(({ blob, fault }) => [blob.id, (fault?.reason ?? '').slice(0, maxReasonLength)]);
  await changeRows(
    manager,
    (sql) => `UPDATE blobs SET damaged_at = ${sql.add(now.getTime())}, damage = named.value ->> 1
      FROM ${sql.rowsOf(reasons)} named WHERE blobs.id = named.value ->> 0`,
  );
}

async function noteRepair(manager: EntityManager, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await changeRows(
    manager,
    (sql) => `UPDATE blobs SET damaged_at = NULL, damage = NULL WHERE ${sql.isOneOf('id', ids)}`,
  );
}

interface Telling {
  action: 'ATTACHMENT_DAMAGED' | 'ATTACHMENT_REPAIRED';
  found: readonly VerifiedBlob[];
  at: Date;
}

/** Records it for each attachment over the bytes, in use or in the trash, whether it has this content or has had it. */
async function tellOf(
  changes: Describing,
  manager: EntityManager,
  { action, found, at }: Telling,
): Promise<Change[]> {
  if (found.length === 0) return [];
  const blobIds = idsOf(found);
  const reasons = new Map(found.map(({ blob, fault }) => [blob.id, fault?.reason]));
  const versions = await readRows(manager, AttachmentVersionRow, (sql) => sql.isOneOf('blob_id', blobIds));
  // The first of those with the same content counts.
  const numbers = new Map(
    versions.toReversed().map((row) => [`${row.attachmentId} ${row.blobId}`, row.number]),
  );
  const told = new Set<string>();
  const tell = async (places: readonly Place[]) => {
    const events = places.map(({ id: subjectId, organizationId, blobId }) => {
      told.add(`${subjectId} ${blobId}`);
      const version = numbers.get(`${subjectId} ${blobId}`);
      const damage = reasons.get(blobId);
      const details = { ...(damage && { damage }), ...(version && { version }) };
      const isEmpty = Object.keys(details).length === 0;
      return [
        { organizationId, principal: null },
        { action, details: isEmpty ? null : details, subjectId, at },
      ] as const;
    });
    await recordEvents(manager, events);
  };
  const described: Change[] = [];
  for await (const attachments of attachmentsOver(manager, blobIds)) {
    await tell(attachments);
    described.push(...(await changes.describe(manager, attachments)));
  }
  const former = versions
    .filter(({ attachmentId, blobId }) => !told.has(`${attachmentId} ${blobId}`))
    .map(({ attachmentId: id, organizationId, blobId }) => ({ id, organizationId, blobId }));
  await tell(former);
  return described;
}

type Place = Pick<AttachmentRow, 'id' | 'organizationId' | 'blobId'>;
