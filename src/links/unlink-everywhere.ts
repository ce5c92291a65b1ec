import type { EntityManager } from 'typeorm';
import { recordEvents } from '../audit/record-event.js';
import { compareTexts } from '../database/cursor.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { LinkRow, RecordFieldRow } from '../database/entities/record-field.js';
import { readRows } from '../database/read-rows.js';

/** Takes attachments out of every field, inside the caller's transaction. Returns the links that there were. */
export async function unlinkEverywhere(
  manager: EntityManager,
  attachmentIds: readonly string[],
): Promise<LinkRow[]> {
  const links = await readRows(manager, LinkRow, (sql) => sql.isOneOf('attachment_id', attachmentIds));
  // In one order always, so that two who want the same fields wait instead of blocking each other.
  links.sort((one, other) => compareTexts(one.fieldId, other.fieldId));
  for (const { fieldId, attachmentId } of links) await unlinkFromField(manager, fieldId, attachmentId);
  return links;
}

/** Takes an attachment out of one field, closing the gap. */
async function unlinkFromField(manager: EntityManager, fieldId: string, attachmentId: string): Promise<void> {
  // Before the position is read, so that the field's row keeps other writers out.
  await manager.update(RecordFieldRow, { id: fieldId }, { version: () => 'version + 1' });
  const link = await manager.findOneBy(LinkRow, { fieldId, attachmentId });
  if (!link) return;
  await manager.delete(LinkRow, { fieldId, attachmentId });
  await manager
    .createQueryBuilder()
    .update(LinkRow)
    .set({ position: () => 'position - 1' })
    .where('field_id = :fieldId AND position > :position', { fieldId, position: link.position })
    .execute();
}

/**
 * Takes a rejected attachment out of its fields, and records it; from the last of them it enters its retention, as if it had been
 * unlinked.
 */
export async function dropFromFields(
  manager: EntityManager,
  { id, organizationId }: AttachmentRow,
  { now, retentionMs }: { now: Date; retentionMs: number },
): Promise<void> {
  const links = await unlinkEverywhere(manager, [id]);
  if (links.length === 0) return;
  await recordUnlinked(manager, links, organizationId, now);
  if (retentionMs === 0) return;
  await manager.update(
    AttachmentRow,
    { id, organizationId },
    { expiresAt: new Date(now.getTime() + retentionMs) },
  );
}

async function recordUnlinked(
  manager: EntityManager,
  links: readonly LinkRow[],
  organizationId: string,
  at: Date,
): Promise<void> {
  const fieldIds = links.map(({ fieldId }) => fieldId);
  const fields = await readRows(
    manager,
    RecordFieldRow,
    (sql) => `organization_id = ${sql.add(organizationId)} AND ${sql.isOneOf('id', fieldIds)}`,
  );
  const byId = new Map(fields.map((field) => [field.id, field]));
  const events = links.map(({ fieldId, attachmentId: subjectId }) => {
    const { recordType: type, recordId: id, name: field } = byId.get(fieldId) ?? {};
    const details = { record: { type, id }, field, because: 'REJECTED' };
    const event = { action: 'ATTACHMENT_UNLINKED', subjectId, at, details } as const;
    return [{ organizationId, principal: null }, event] as const;
  });
  await recordEvents(manager, events);
}
