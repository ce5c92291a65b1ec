import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { eventRow } from '../../src/audit/audit-events.js';
import { writeBody } from '../../src/database/blob-bodies.js';
import type { Database } from '../../src/database/database.js';
import { AttachmentRow } from '../../src/database/entities/attachment.js';
import { BlobRow } from '../../src/database/entities/blob.js';
import { AuditEventRow } from '../../src/database/entities/organization.js';
import { insertRow } from '../../src/database/insert-row.js';
import { nameForms } from '../../src/database/stored-names.js';
import { assertNotSwept } from '../../src/intake/intake.js';
import { createDocumentKey, createInlinedKey } from '../../src/storage/document-key.js';

export const now = new Date('2026-03-04T05:30:00Z');
const organizationId = 'org';

/** The rows of a creation that nobody has inserted. */
export interface Made {
  blob: BlobRow;
  attachment: AttachmentRow;
  event: AuditEventRow;
  body: Buffer | null;
}

export function make(body: Buffer | null, changes: Partial<AttachmentRow> = {}): Made {
  const key = body ? createInlinedKey(organizationId, now) : createDocumentKey(organizationId, now);
  const size = body?.length ?? 2 ** 40;
  const blob = Object.assign(new BlobRow(), {
    id: uuidv7(),
    organizationId,
    documentKey: key,
    size,
    md5: 'md5',
    sha256: createHash('sha256').update(key).digest('hex'),
    verdict: 'APPROVED',
    createdAt: now,
  });
  const attachment = Object.assign(new AttachmentRow(), {
    id: uuidv7(),
    organizationId,
    blobId: blob.id,
    shared: true,
    fileName: 'Äpfel "und" \\Birnen\\ 🍐.txt',
    contentType: 'text/plain',
    size,
    description: '**\n\t12**',
    descriptionFormat: 'MARKDOWN',
    descriptionHtml: '<p>12</p>',
    metadataType: null,
    metadataAttributes: { deep: [{ text: '"\u0000\ud800"' }, 1.5, null, true] },
    recordType: '12',
    recordId: '007',
    createdById: 'user',
    createdAt: now,
    updatedAt: now,
    claimedAt: now,
    expiresAt: null,
    ...changes,
  });
  Object.assign(attachment, nameForms(attachment.fileName));
  const event = eventRow(
    { organizationId, principal: { id: 'user' } },
    { action: 'ATTACHMENT_CREATED', subjectId: attachment.id, at: now, details: { fileName: 'ä' } },
  );
  return { blob, attachment, event, body };
}

/** Inserts the rows by statements of their own. */
export const insertOne = (database: Database, made: Made) =>
  database.write((manager) => insert(manager, made));

async function insert(manager: EntityManager, { blob, attachment, event, body }: Made): Promise<void> {
  await insertRow(manager, BlobRow, blob);
  if (body) await writeBody(manager, { blobId: blob.id, body });
  else await assertNotSwept(manager, blob.documentKey);
  await insertRow(manager, AttachmentRow, attachment);
  await insertRow(manager, AuditEventRow, event);
}

/** Creates together with others; `onAlone` is told if it takes statements of its own. */
export function createIn(database: Database, made: Made, onAlone: () => void = () => {}): Promise<void> {
  const { blob, attachment, event, body } = made;
  const rows = [
    { entity: BlobRow, row: blob },
    { entity: AttachmentRow, row: attachment },
    { entity: AuditEventRow, row: event },
  ];
  return database.create({ rows, body: body && { blobId: blob.id, body } }, (manager) => {
    onAlone();
    return insert(manager, made);
  });
}
