import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { compareTexts } from '../database/cursor.js';
import { ShareLinkRow } from '../database/entities/share-link.js';
import { maxTotal, type Stretch, type Total, toTotal } from '../database/page.js';
import { Parameters, readRows } from '../database/read-rows.js';

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
