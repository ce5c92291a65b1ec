import type { Database } from '../database/database.js';
import { ApiKeyRow } from '../database/entities/organization.js';
import { ShareLinkRow } from '../database/entities/record-field.js';
import { changeRows } from '../database/read-rows.js';
import { AttachmentError, fault } from '../errors.js';
import { assertWhole, readStored, type StoredAttachment } from '../model/stored-attachment.js';
import { hashToken, type StoredShareLink } from './share-links.js';

export interface UseShareLinkDependencies {
  database: Database;
  clock: () => Date;
}

const tokenForm = /^[\w-]{43}$/;

/**
 * The link of this token, any text, and the attachment that it shares. It is read anew each time, so that whatever ends it does so
 * at once in every process. Throws NOT_FOUND for a token that no link has, of type `share_link_over` for a link that works no
 * more, NOT_APPROVED while there is no verdict, and DAMAGED.
 */
export async function findShared(
  { database: { read }, clock }: UseShareLinkDependencies,
  token: string,
): Promise<StoredShareLink> {
  const tokenHash = hashToken(token);
  const link = tokenForm.test(token) ? await read.findOneBy(ShareLinkRow, { tokenHash }) : null;
  if (!link) throw new AttachmentError('NOT_FOUND');
  if (isOver(link, clock()) || !(await isMakerGood({ read }, link, clock()))) throw over();
  const [stored] = await readStored(read, [link.attachmentId]);
  if (!stored || stored.blob.verdict === 'REJECTED') throw over();
  if (stored.blob.verdict !== 'APPROVED') throw new AttachmentError('NOT_APPROVED');
  assertWhole(stored.blob, ['url']);
  return { link, stored };
}

function isOver(link: ShareLinkRow, now: Date): boolean {
  const { revokedAt, endedAt, expiresAt, maxDownloads, downloads } = link;
  const isUsedUp = maxDownloads !== null && downloads >= maxDownloads;
  return revokedAt !== null || endedAt !== null || isUsedUp || (expiresAt !== null && expiresAt <= now);
}

/** A link ends with the API key that has made it. */
async function isMakerGood(
  { read }: Pick<Database, 'read'>,
  { keyId, organizationId }: ShareLinkRow,
  now: Date,
): Promise<boolean> {
  if (keyId === null) return true;
  const key = await read.findOneBy(ApiKeyRow, { id: keyId, organizationId });
  return key !== null && key.revokedAt === null && (key.expiresAt === null || key.expiresAt > now);
}

/** The bytes that a GET asks for: from the first one to the last one, counted from 0. */
interface Asked {
  start: number;
  end: number;
}

/**
 * Bytes of a file that may be looked at before it is downloaded: download managers ask for the first ones to learn what a server can
 * do, and chats and mail scanners to learn what a file is. Too few to be of use.
 */
const glanceOf = (size: number) => Math.min(64 * 1_024, Math.floor(size / 16));

/**
 * Counts a download that begins at the first byte, by a conditional update: of any number at once no more than the link permits
 * go on. Other ranges, and glances at the beginning, go on with a counted download: with `maxDownloads` they bring together no more
 * bytes than the counted ones have and one glance, and one beyond that counts itself. Throws NOT_FOUND of type `share_link_over`.
 */
export async function countDownload(
  { database, clock }: UseShareLinkDependencies,
  { link, stored }: { link: ShareLinkRow; stored: StoredAttachment },
  { start, end }: Asked,
): Promise<void> {
  const { size } = stored.blob;
  const asked = end - start + 1;
  const glance = glanceOf(size);
  const isDownload = start === 0 && (size === 0 || asked > glance);
  if (!isDownload && link.maxDownloads === null) return;
  const bytes = isDownload ? 0 : asked;
  const now = clock().getTime();
  const changed = await database.write((manager) =>
    changeRows(manager, (sql) => {
      const isCounted = isDownload
        ? 'TRUE'
        : `range_bytes + ${sql.add(bytes)} > CAST(downloads AS bigint) * ${sql.add(size)} + ${sql.add(glance)}`;
      return `UPDATE share_links
        SET downloads = downloads + CASE WHEN ${isCounted} THEN 1 ELSE 0 END, last_used_at = ${sql.add(now)},
          range_bytes = range_bytes + CASE WHEN ${isCounted} THEN 0 ELSE ${sql.add(bytes)} END
        WHERE id = ${sql.add(link.id)} AND organization_id = ${sql.add(link.organizationId)}
          AND revoked_at IS NULL AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > ${sql.add(now)})
          AND (max_downloads IS NULL OR downloads < max_downloads)`;
    }),
  );
  if (changed !== 1) throw over();
}

function over(): AttachmentError {
  const message = 'This link does not work any more.';
  return fault('share_link_over', ['url'], message, { message });
}
