import type { EntityManager } from 'typeorm';
import { type Actor, recordEvent } from '../audit/record-event.js';
import type { AttachmentRow } from '../database/entities/attachment.js';

/** Records, in the transaction that deletes it, what an attachment was. Without an actor it has expired. */
export async function recordDeletion(
  manager: EntityManager,
  actor: Actor | null,
  { id: subjectId, organizationId, fileName, recordType, recordId }: AttachmentRow,
  at: Date,
): Promise<void> {
  const details = recordId === null ? { fileName } : { fileName, record: { type: recordType, id: recordId } };
  const action = actor ? 'ATTACHMENT_DELETED' : 'ATTACHMENT_PURGED';
  await recordEvent(manager, actor ?? { organizationId, principal: null }, {
    action,
    subjectId,
    at,
    details,
  });
}
