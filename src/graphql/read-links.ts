import type { RecordFieldRow } from '../database/entities/record-field.js';
import type { StoredLink } from '../links/link-attachments.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import type { GraphqlContext } from './context.js';
import { type AttachmentLink, type RecordField, toAttachmentLink } from './types/record.js';

/** The field's row; null where it was never linked to, or may not be viewed. */
export async function readField(
  field: RecordField,
  { loaders, access }: GraphqlContext,
): Promise<RecordFieldRow | null> {
  if (!(await access.mayView(field.record, field.name))) return null;
  return field.row === undefined ? loaders.field.load(field) : field.row;
}

/** A field's links in order, rejected ones left out. */
export async function readLinks(field: RecordField, context: GraphqlContext): Promise<AttachmentLink[]> {
  const row = await readField(field, context);
  if (!row) return [];
  const links = field.linked ?? (await readStored(row, context));
  return links
    .map(({ stored, position }) => toAttachmentLink({ position }, row, stored))
    .filter(({ state }) => state !== 'REJECTED');
}

/** Those of the attachments that have been rejected, in this order. A rejected attachment has left every field. */
export async function readRejected(
  attachmentIds: readonly string[],
  { loaders }: GraphqlContext,
): Promise<StoredAttachment[]> {
  const stored = await Promise.all(attachmentIds.map((id) => loaders.attachment.load(id)));
  return stored.flatMap((one) => (one?.blob.verdict === 'REJECTED' ? one : []));
}

/** One that is deleted between the two statements is left out. */
async function readStored({ id }: RecordFieldRow, context: GraphqlContext): Promise<StoredLink[]> {
  const { loaders } = context;
  const links = await loaders.linksOfField.load(id);
  context.spend(links.length);
  const found = await Promise.all(links.map(({ attachmentId }) => loaders.attachment.load(attachmentId)));
  return links.flatMap(({ position }, index) => {
    const stored = found[index];
    return stored ? [{ position, stored }] : [];
  });
}
