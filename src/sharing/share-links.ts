import { createHash, randomBytes } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { recordEvent } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { ShareLinkRow } from '../database/entities/record-field.js';
import { insertRow } from '../database/insert-row.js';
import { lockAttachments, lockOwn } from '../database/lock-order.js';
import { compareTexts, maxTotal, type Stretch, type Total, toTotal } from '../database/page.js';
import { purgeRows } from '../database/purge-rows.js';
import { Parameters, readRows } from '../database/read-rows.js';
import { before, IsNull } from '../database/typeorm.js';
import { Faults, fault } from '../errors.js';
import { findAttachment, notFound, type StoredAttachment } from '../model/stored-attachment.js';
import { newId } from '../new-id.js';

/** A link together with the attachment that it shares. */
export interface StoredShareLink {
  link: ShareLinkRow;
  stored: StoredAttachment;
}

export interface CreateShareLinkDependencies {
  database: Database;
  clock: () => Date;
  /** Whether links may be made and used. */
  shareLinks: boolean;
}

export interface CreateShareLink {
  attachmentId: string;
  /** Null: the link has no end. */
  expiresAt: Date | null;
  /** Null: any number. */
  maxDownloads: number | null;
}

/** Links of one attachment, ended ones included. */
const maxShareLinks = 1_000;

/** 256 random bits, so one fast hash is enough: there is nothing to guess. */
const newToken = () => randomBytes(32).toString('base64url');

/** The form in which a token is stored and searched. */
export const hashToken = (token: string) => createHash('sha256').update(token).digest('hex');

/**
 * Makes a link by which anybody can download the attachment, once it is approved. Whether the viewer may change the attachment
 * is the caller's to find out. Throws, with every fault at once, BAD_USER_INPUT; NOT_FOUND; FORBIDDEN where links are switched off
 * or the viewer may not read; NOT_APPROVED for what was rejected.
 *
 * @example
 * const { token } = await createShareLink(deps, viewer, { attachmentId, expiresAt: null, maxDownloads: 1 });
 */
export async function createShareLink(
  { database, clock, shareLinks }: CreateShareLinkDependencies,
  viewer: Viewer,
  input: CreateShareLink,
): Promise<StoredShareLink & { token: string }> {
  checkInput(input, clock());
  const token = newToken();
  return database.write(async (manager) => {
    const { attachmentId, expiresAt, maxDownloads } = input;
    // A deletion comes first, or finds the link.
    await lockAttachments(manager, viewer, [attachmentId]);
    const stored = await findAttachment(manager, viewer, attachmentId);
    if (!stored) throw notFound(['input', 'attachmentId']);
    const now = clock();
    assertMayShare(viewer, stored, shareLinks);
    const { organizationId } = viewer;
    if ((await manager.countBy(ShareLinkRow, { organizationId, attachmentId })) >= maxShareLinks) {
      const msg = `An attachment has at most ${maxShareLinks} links.`;
      throw fault('too_many', ['input', 'attachmentId'], msg, {
        code: 'BAD_USER_INPUT',
        limit: maxShareLinks,
      });
    }
    const link = Object.assign(new ShareLinkRow(), {
      id: newId(),
      organizationId,
      attachmentId,
      tokenHash: hashToken(token),
      createdById: viewer.principal.id,
      keyId: viewer.keyId,
      maxDownloads,
      downloads: 0,
      rangeBytes: 0,
      createdAt: now,
      expiresAt,
      revokedAt: null,
      lastUsedAt: null,
      endedAt: null,
    });
    await insertRow(manager, ShareLinkRow, link);
    const details = { shareLinkId: link.id, expiresAt, maxDownloads };
    const event = { action: 'SHARE_LINK_CREATED', subjectId: attachmentId, at: now, details } as const;
    await recordEvent(manager, viewer, event);
    return { link, stored, token };
  });
}

const maxCount = 2 ** 31 - 1;

function checkInput({ expiresAt, maxDownloads }: CreateShareLink, now: Date): void {
  const faults = new Faults();
  if (expiresAt && !(expiresAt > now))
    faults.add('not_in_future', ['input', 'expiresAt'], 'Must lie in the future.');
  if (maxDownloads !== null && maxDownloads < 1) {
    const msg = `Must be from 1 to ${maxCount}.`;
    faults.add('out_of_range', ['input', 'maxDownloads'], msg, { limit: maxCount });
  }
  faults.throwIfAny();
}

/** A link lets its holder read, which its maker must be able to do. */
function assertMayShare({ permissions }: Viewer, { blob }: StoredAttachment, isOn: boolean): void {
  const off = 'Share links are switched off.';
  if (!isOn) throw fault('share_links_off', [], off, { message: off });
  if (!permissions.has('attachments:read')) {
    const message = 'The credential lacks the permission attachments:read.';
    throw fault('missing_permission', [], 'Needs attachments:read.', { message });
  }
  if (blob.verdict !== 'REJECTED') return;
  throw fault('rejected', ['input', 'attachmentId'], 'It was rejected.');
}

/**
 * Ends a link of the viewer's organization at once, in every process. One that was revoked before keeps the instant of that.
 * Whether the viewer may change the attachment is the caller's to find out. Throws NOT_FOUND.
 */
export async function revokeShareLink(
  { database, clock }: Pick<CreateShareLinkDependencies, 'database' | 'clock'>,
  viewer: Viewer,
  id: string,
): Promise<StoredShareLink> {
  const key = { organizationId: viewer.organizationId, id };
  return database.write(async (manager) => {
    await lockOwn(manager, ShareLinkRow, viewer, id);
    const revokedAt = clock();
    const { affected } = await manager.update(ShareLinkRow, { ...key, revokedAt: IsNull() }, { revokedAt });
    const link = await manager.findOneBy(ShareLinkRow, key);
    const stored = link && (await findAttachment(manager, viewer, link.attachmentId));
    if (!stored) throw notFound(['input', 'id']);
    if (affected === 1) {
      const details = { shareLinkId: id };
      const event = { subjectId: link.attachmentId, at: revokedAt, details };
      await recordEvent(manager, viewer, { action: 'SHARE_LINK_REVOKED', ...event });
    }
    return { link, stored };
  });
}

/** How long it is told of a link that its attachment was deleted. */
const memoryMs = 31 * 24 * 60 * 60 * 1_000;

const endOfMemory = (now: Date) => now.getTime() - memoryMs;

/** For `where`: links that are forgotten now. */
export const isForgotten = (now: Date) => ({ endedAt: before(new Date(endOfMemory(now))) });

/** Forgets links whose attachment was deleted long ago. */
export async function forgetShareLinks(database: Database, now: Date): Promise<void> {
  await purgeRows(database, ShareLinkRow, 'endedAt', endOfMemory(now));
}

/** A stretch of the links of each of these attachments of the viewer's organization, the newest first. */
export async function readShareLinks(
  manager: EntityManager,
  { organizationId }: Viewer,
  attachmentIds: readonly string[],
  { after, before, isBackward, limit }: Stretch,
): Promise<ShareLinkRow[]> {
  const isWithin = (sql: Parameters) =>
    [
      `organization_id = ${sql.add(organizationId)}`,
      sql.isOneOf('attachment_id', attachmentIds),
      ...(after ? [`id < ${sql.add(after.id)}`] : []),
      ...(before ? [`id > ${sql.add(before.id)}`] : []),
    ].join(' AND ');
  const direction = isBackward ? 'ASC' : 'DESC';
  const links = await readRows(
    manager,
    ShareLinkRow,
    (sql) => `id IN (SELECT id FROM (
        SELECT id, ROW_NUMBER() OVER (PARTITION BY attachment_id ORDER BY id ${direction}) AS place
        FROM share_links WHERE ${isWithin(sql)}) ranked
      WHERE place <= ${sql.add(limit)})`,
  );
  return links.sort((one, other) => (isBackward ? 1 : -1) * compareTexts(one.id, other.id));
}

/** How many links each of these attachments of the viewer's organization has. */
export async function countShareLinks(
  manager: EntityManager,
  { organizationId }: Viewer,
  attachmentIds: readonly string[],
): Promise<Map<string, Total>> {
  const parameters = new Parameters(manager);
  const isOwn = `a.organization_id = ${parameters.add(organizationId)}`;
  const rows = await manager.query<{ id: string; count: number | string }[]>(
    `SELECT a.id AS id, (SELECT COUNT(*) FROM
        (SELECT 1 FROM share_links s WHERE s.attachment_id = a.id LIMIT ${maxTotal + 1}) l) AS count
      FROM attachments a WHERE ${isOwn} AND ${parameters.isOneOf('a.id', attachmentIds)}`,
    parameters.values,
  );
  return new Map(rows.map(({ id, count }) => [id, toTotal(Number(count))]));
}

/** The links of the viewer's organization among these, in no order. */
export async function readShareLinksOf(
  manager: EntityManager,
  { organizationId }: Viewer,
  ids: readonly string[],
): Promise<ShareLinkRow[]> {
  if (ids.length === 0) return [];
  const isOwn = (sql: Parameters) => `organization_id = ${sql.add(organizationId)}`;
  return readRows(manager, ShareLinkRow, (sql) => `${isOwn(sql)} AND ${sql.isOneOf('id', ids)}`);
}
