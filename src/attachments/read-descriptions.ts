import { type EntityManager, In } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { plainHtml } from '../markdown/plain-html.js';

type Description = Pick<AttachmentRow, 'description' | 'descriptionHtml'>;

/** The descriptions of these attachments with their HTML, by id. Each can have 100,000 characters: ask for few at a time. */
export async function readDescriptions(
  manager: EntityManager,
  { organizationId }: Viewer,
  ids: readonly string[],
): Promise<Map<string, Description>> {
  const rows = await manager.find(AttachmentRow, {
    select: { id: true, organizationId: true, description: true, descriptionHtml: true },
    where: { id: In([...ids]) },
  });
  // By id alone, as attachments are read elsewhere too.
  const own = rows.filter((row) => row.organizationId === organizationId);
  return new Map(own.map((row) => [row.id, row]));
}

/**
 * The HTML of the descriptions that these rows have. One that is not rendered yet, or has been changed since its row was read,
 * is shown as it was typed: nothing is rendered here.
 */
export async function readDescriptionHtml(
  manager: EntityManager,
  viewer: Viewer,
  rows: readonly AttachmentRow[],
): Promise<string[]> {
  const ids = rows.map(({ id }) => id);
  const stored = await readDescriptions(manager, viewer, ids);
  return rows.map(({ id, description }) => {
    const found = stored.get(id);
    const html = found?.description === description ? found?.descriptionHtml : null;
    return html ?? plainHtml(description ?? '');
  });
}
