import type { EntityManager } from 'typeorm';
import { deleteRows } from '../attachments/delete-rows.js';
import { recordEvent, recordEvents } from '../audit/audit-events.js';
import { revokeApiKey } from '../auth/manage-api-keys.js';
import type { Database } from '../database/database.js';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import { ApiKeyRow } from '../database/entities/organization.js';
import { ShareLinkRow } from '../database/entities/record-field.js';
import { RemovalRow } from '../database/entities/stored-bytes.js';
import { IdempotencyKeyRow, UploadTargetRow } from '../database/entities/upload-target.js';
import { insertRow } from '../database/insert-row.js';
import { lockOwn } from '../database/lock-order.js';
import { lockRows } from '../database/row-locks.js';
import { IsNull, Not } from '../database/typeorm.js';
import type { Changes } from '../model/changes.js';
import { type AttachmentTable, readStored } from '../model/stored-attachment.js';
import type { VerdictWebhooks } from '../verdicts/record-verdict.js';
import { findUnowned, hasAnythingToEnd, isAnythingLeft, type Principal } from './erasure-survey.js';
import { choosePseudonym } from './pseudonym.js';
import { rename } from './rename-principal.js';

export interface ErasePrincipalDependencies {
  database: Database;
  clock: () => Date;
  changes: Pick<Changes, 'describe' | 'publish'>;
  webhooks: Pick<VerdictWebhooks, 'forget'>;
  /** Called after the commit. */
  onKeyRevoked(keyId: string): void;
}

/** Attachments deleted in one transaction. */
const deletedAtOnce = 100;

/** A principal that is still at work after so many rounds has not been shut out. */
const maxRounds = 10;

/**
 * Erases a principal: deletes everything it has created that no record owns and no field holds, its uploads and idempotency keys,
 * ends its keys and share links, and puts a pseudonym in place of its id wherever that stays. Broken off, it goes on the next
 * time under the same pseudonym, which this returns, until `forgetPrincipal` has ended the erasure.
 */
export async function erasePrincipal(
  deps: ErasePrincipalDependencies,
  principal: Principal,
): Promise<string> {
  const { read } = deps.database;
  const pseudonym = await choosePseudonym(deps.database, principal);
  const renamed = { ...principal, id: pseudonym };
  // The principal may go on creating things until its keys have ended. Some of them have the pseudonym by the next round.
  for (let round = 0; round < maxRounds; round++) {
    for (const each of [principal, renamed]) await endAll(deps, each, pseudonym);
    await rename(deps.database, principal, pseudonym);
    if (!(await isAnythingLeft(read, principal)) && !(await hasAnythingToEnd(read, renamed)))
      return pseudonym;
  }
  throw new Error(
    'The principal is still at work: a token of it must be good. End its access, then erase it again.',
  );
}

/** Ends or deletes all that does not stay. */
async function endAll(
  deps: ErasePrincipalDependencies,
  principal: Principal,
  pseudonym: string,
): Promise<void> {
  await endKeys(deps, principal);
  await endShareLinks(deps, principal);
  await endUploads(deps, principal, pseudonym);
  await deleteIdempotencyKeys(deps, principal, pseudonym);
  for (const table of [AttachmentRow, TrashedAttachmentRow])
    await deleteUnowned(deps, principal, table, pseudonym);
}

async function endKeys(deps: ErasePrincipalDependencies, { organizationId, id }: Principal): Promise<void> {
  const own = { organizationId, principalId: id, revokedAt: IsNull() };
  for (const key of await deps.database.read.find(ApiKeyRow, { where: own, select: { id: true } }))
    await revokeApiKey(deps, null, key.id);
}

async function endShareLinks(
  { database, clock }: ErasePrincipalDependencies,
  { organizationId, id }: Principal,
): Promise<void> {
  const where = { organizationId, createdById: id, revokedAt: IsNull() };
  for (;;) {
    const links = await database.read.find(ShareLinkRow, { where, take: deletedAtOnce });
    if (links.length === 0) return;
    await database.write(async (manager) => {
      for (const { id: shareLinkId, attachmentId: subjectId } of links) {
        await lockOwn(manager, ShareLinkRow, { organizationId }, shareLinkId);
        const at = clock();
        const key = { organizationId, id: shareLinkId, revokedAt: IsNull() };
        const { affected } = await manager.update(ShareLinkRow, key, { revokedAt: at });
        if (affected !== 1) continue;
        const event = { action: 'SHARE_LINK_REVOKED', subjectId, at, details: { shareLinkId } } as const;
        await recordEvent(manager, { organizationId, principal: null }, event);
      }
    });
  }
}

/** A request that is bringing bytes of one learns of it. */
async function endUploads(
  { database, clock }: ErasePrincipalDependencies,
  { organizationId, id: principalId }: Principal,
  pseudonym: string,
): Promise<void> {
  const where = { organizationId, principalId, expiresAt: Not(IsNull()) };
  for (;;) {
    const targets = await database.read.find(UploadTargetRow, { where, take: deletedAtOnce });
    if (targets.length === 0) return;
    const at = clock();
    await database.write(async (manager) => {
      let uploads = 0;
      for (const { id, documentKey } of targets) {
        const unused = { organizationId, id, expiresAt: Not(IsNull()) };
        const { affected } = await manager.delete(UploadTargetRow, unused);
        if (affected !== 1) continue;
        await insertRow(manager, RemovalRow, { documentKey, createdAt: at });
        uploads += 1;
      }
      await recordDeleted(manager, organizationId, { at, pseudonym, count: { uploads } });
    });
  }
}

async function deleteIdempotencyKeys(
  { database, clock }: ErasePrincipalDependencies,
  { organizationId, id: principalId }: Principal,
  pseudonym: string,
): Promise<void> {
  const at = clock();
  await database.write(async (manager) => {
    const { affected } = await manager.delete(IdempotencyKeyRow, { organizationId, principalId });
    await recordDeleted(manager, organizationId, {
      at,
      pseudonym,
      count: { idempotencyKeys: affected ?? 0 },
    });
  });
}

/** A statement that is made after the erasure was broken off counts them by this. */
async function recordDeleted(
  manager: EntityManager,
  organizationId: string,
  { at, pseudonym, count }: { at: Date; pseudonym: string; count: Record<string, number> },
): Promise<void> {
  if (Object.values(count).every((number) => number === 0)) return;
  const details = { erasure: pseudonym, ...count };
  const event = { action: 'UPLOADS_DELETED', subjectId: pseudonym, at, details } as const;
  await recordEvent(manager, { organizationId, principal: null }, event);
}

async function deleteUnowned(
  deps: ErasePrincipalDependencies,
  principal: Principal,
  table: AttachmentTable,
  pseudonym: string,
): Promise<void> {
  for (;;) {
    const ids = await findUnowned(deps.database.read, principal, { table, limit: deletedAtOnce });
    if (ids.length === 0) return;
    const changes = await deps.database.writeInBackground((manager) =>
      deleteSome(deps, manager, principal, { table, ids, pseudonym }),
    );
    deps.changes.publish(changes);
  }
}

/** Those that a record has claimed, or a field taken up, meanwhile stay. */
async function deleteSome(
  deps: ErasePrincipalDependencies,
  manager: EntityManager,
  principal: Principal,
  { table, ids, pseudonym }: { table: AttachmentTable; ids: readonly string[]; pseudonym: string },
) {
  await lockRows(manager, table, ids, 'UPDATE');
  const at = deps.clock();
  const unowned = new Set(await findUnowned(manager, principal, { table, ids }));
  const stored = (await readStored(manager, ids, table)).filter(({ attachment }) =>
    unowned.has(attachment.id),
  );
  if (stored.length === 0) return [];
  const changes = await deps.changes.describe(
    manager,
    stored.map(({ attachment }) => attachment),
  );
  const actor = { organizationId: principal.organizationId, principal: null };
  const events = stored.map(({ attachment: { id: subjectId, size }, blob: { sha256 } }) => {
    // Without its name, which may say more than it should.
    const details = { erasure: pseudonym, size, sha256 };
    return [actor, { action: 'ATTACHMENT_DELETED', subjectId, at, details }] as const;
  });
  await recordEvents(manager, events);
  await deleteRows(deps, manager, stored, at);
  return changes;
}
