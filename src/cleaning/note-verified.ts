import type { EntityManager } from 'typeorm';
import { recordEvents } from '../audit/record-event.js';
import type { Database } from '../database/database.js';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import { AttachmentVersionRow } from '../database/entities/attachment-version.js';
import { BlobRow } from '../database/entities/blob.js';
import { changeRows } from '../database/read-rows.js';
import { IsNull } from '../database/typeorm.js';
import { type Change, type Changes, describeChanges } from '../model/changes.js';
import { readStored } from '../model/stored-attachment.js';
import type { VerifiedBlob } from './verify-blobs.js';

/** `damaged` and `missing`: it was whole before. `repaired`: it was not. */
export type Finding = 'whole' | 'damaged' | 'missing' | 'repaired';

export interface NoteVerifiedDependencies {
  database: Pick<Database, 'writeInBackground'>;
  clock: () => Date;
  changes: Pick<Changes, 'publish'>;
  /** Told after the commit, of every blob that has been read. */
  onVerified?(finding: Finding, verified: VerifiedBlob): void;
}

/** Blobs that are noted as whole in one transaction. */
const notedAtOnce = 200;

/** A kill loses no more than this of what was read. */
const notedAfterMs = 5_000;

/** Writes down what a verification finds: whole blobs a few at a time, damage and repair at once. */
export class VerifiedNotes {
  readonly #deps: NoteVerifiedDependencies;
  #whole: VerifiedBlob[] = [];
  #notedAt = performance.now();

  constructor(deps: NoteVerifiedDependencies) {
    this.#deps = deps;
  }

  async add(verified: VerifiedBlob): Promise<void> {
    const isChange = verified.fault !== null || verified.blob.damagedAt !== null;
    if (isChange) await noteChange(this.#deps, verified);
    else this.#whole.push(verified);
    const isDue = performance.now() - this.#notedAt > notedAfterMs;
    if (this.#whole.length >= notedAtOnce || isDue) await this.flush();
  }

  /** Writes what is left. */
  async flush(): Promise<void> {
    this.#notedAt = performance.now();
    const whole = this.#whole;
    this.#whole = [];
    if (whole.length === 0) return;
    const { database, clock, onVerified } = this.#deps;
    const ids = whole.map(({ blob }) => blob.id);
    const now = clock();
    await database.writeInBackground((manager) => noteWhole(manager, ids, now));
    for (const each of whole) onVerified?.('whole', each);
  }
}

/** One that another process has found damaged meanwhile stays so until it is read again. */
async function noteWhole(manager: EntityManager, ids: readonly string[], now: Date): Promise<void> {
  await changeRows(
    manager,
    (sql) =>
      `UPDATE blobs SET verified_at = ${sql.add(now.getTime())} WHERE ${sql.isOneOf('id', ids)} AND damaged_at IS NULL`,
  );
}

async function noteChange(deps: NoteVerifiedDependencies, verified: VerifiedBlob): Promise<void> {
  const { blob, fault } = verified;
  const now = deps.clock();
  const changes = await deps.database.writeInBackground((manager) =>
    fault ? noteDamage(manager, blob, fault.reason, now) : noteRepair(manager, blob, now),
  );
  deps.changes.publish(changes ?? []);
  const isNew = changes !== null;
  if (fault) deps.onVerified?.(fault.kind, verified);
  else deps.onVerified?.(isNew ? 'repaired' : 'whole', verified);
}

const maxReasonLength = 255;

/** Null if it was known to be damaged, or is gone. */
async function noteDamage(
  manager: EntityManager,
  { id, organizationId }: BlobRow,
  reason: string,
  damagedAt: Date,
): Promise<Change[] | null> {
  const damage = reason.slice(0, maxReasonLength);
  const found = { damagedAt, damage };
  const { affected } = await manager.update(BlobRow, { id, organizationId, damagedAt: IsNull() }, found);
  if (affected === 1)
    return tellOf(manager, id, { action: 'ATTACHMENT_DAMAGED', details: { damage } }, damagedAt);
  await manager.update(BlobRow, { id, organizationId }, found);
  return null;
}

/** Null if it was not known to be damaged, or is gone. */
async function noteRepair(
  manager: EntityManager,
  { id, organizationId }: BlobRow,
  now: Date,
): Promise<Change[] | null> {
  const repaired = await changeRows(
    manager,
    (sql) => `UPDATE blobs SET damaged_at = NULL, damage = NULL, verified_at = ${sql.add(now.getTime())}
      WHERE id = ${sql.add(id)} AND organization_id = ${sql.add(organizationId)} AND damaged_at IS NOT NULL`,
  );
  return repaired === 1 ? tellOf(manager, id, { action: 'ATTACHMENT_REPAIRED', details: null }, now) : null;
}

interface Told {
  action: 'ATTACHMENT_DAMAGED' | 'ATTACHMENT_REPAIRED';
  details: object | null;
}

/** Records it for each attachment over the bytes, in use or in the trash, as a content that it has or has had. */
async function tellOf(manager: EntityManager, blobId: string, told: Told, at: Date): Promise<Change[]> {
  const versions = await manager.findBy(AttachmentVersionRow, { blobId });
  const current = [
    ...(await manager.findBy(AttachmentRow, { blobId })),
    ...(await manager.findBy(TrashedAttachmentRow, { blobId })),
  ];
  const known = new Set(current.map(({ id }) => id));
  const others = versions.map(({ attachmentId }) => attachmentId).filter((id) => !known.has(id));
  const earlier = [
    ...(await readStored(manager, others)),
    ...(await readStored(manager, others, TrashedAttachmentRow)),
  ].map(({ attachment }) => attachment);
  const events = [...current, ...earlier].map(({ id: subjectId, organizationId }) => {
    const version = versions.find(({ attachmentId }) => attachmentId === subjectId)?.number;
    const details = version === undefined ? told.details : { ...told.details, version };
    return [
      { organizationId, principal: null },
      { action: told.action, details, subjectId, at },
    ] as const;
  });
  await recordEvents(manager, events);
  return describeChanges(manager, current);
}
