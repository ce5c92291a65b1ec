import { recordEvent } from '../audit/record-event.js';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { lockRows } from '../database/row-locks.js';
import { Faults } from '../faults.js';
import type { MarkdownRenderer } from '../markdown/markdown-renderer.js';
import type { Changes } from './changes.js';
import { checkMetadata, type Metadata } from './check-metadata.js';
import { checkNewName } from './check-new-name.js';
import { describeChanges } from './describe-changes.js';
import type { PolicyBook } from './load-policies.js';
import { notFound } from './not-found.js';
import { recheckName } from './recheck-name.js';
import { checkDescription, renderDescription } from './render-description.js';
import { findAttachment, type StoredAttachment } from './stored-attachment.js';

export interface UpdateAttachmentDependencies {
  database: Database;
  clock: () => Date;
  policies: PolicyBook;
  renderer: Pick<MarkdownRenderer, 'render'>;
  changes: Changes;
}

/** What is left undefined stays as it is; null takes a description or metadata away. */
export interface UpdateAttachment {
  attachmentId: string;
  fileName?: string | undefined;
  description?: string | null | undefined;
  metadata?: Metadata | null | undefined;
}

/** Changes what is said about an attachment, never its bytes. Throws NOT_FOUND, INVALID_FILE_NAME, CONTENT_TYPE_MISMATCH, CONTENT_TYPE_NOT_ALLOWED, BAD_USER_INPUT. */
export async function updateAttachment(
  deps: UpdateAttachmentDependencies,
  viewer: Viewer,
  { attachmentId, fileName, description, metadata }: UpdateAttachment,
): Promise<StoredAttachment> {
  const rendered = await renderDescription(deps.renderer, viewer, description ?? null);
  const { changed, ...updated } = await deps.database.write(async (manager) => {
    await lockRows(manager, AttachmentRow, [attachmentId], 'UPDATE');
    const stored = await findAttachment(manager, viewer, attachmentId);
    if (!stored) throw notFound(['input', 'attachmentId']);
    const faults = new Faults();
    const changes = {
      fileName: checkNewName(faults, fileName ?? null, stored.attachment),
      updatedAt: deps.clock(),
      ...(metadata === undefined
        ? {}
        : { metadataType: metadata?.type ?? null, metadataAttributes: metadata?.attributes ?? null }),
    };
    if (fileName !== undefined && changes.fileName !== '') {
      const renamed = Object.assign(new AttachmentRow(), stored.attachment, { fileName: changes.fileName });
      await recheckName(manager, deps.policies, faults, renamed);
    }
    const descriptionHtml = checkDescription(faults, rendered);
    const described = description === undefined ? {} : { description, descriptionHtml };
    checkMetadata(faults, metadata ?? null);
    faults.throwIfAny();
    const { organizationId } = viewer;
    await manager.update(AttachmentRow, { id: attachmentId, organizationId }, { ...changes, ...described });
    const update = { action: 'ATTACHMENT_UPDATED', subjectId: attachmentId } as const;
    const details = { changed: namesOfGiven({ fileName, description, metadata }) };
    await recordEvent(manager, viewer, { ...update, at: changes.updatedAt, details });
    const attachment = Object.assign(stored.attachment, changes, described);
    return { ...stored, attachment, changed: await describeChanges(manager, [attachment]) };
  });
  deps.changes.publish(changed);
  return updated;
}

function namesOfGiven(values: object): string[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}
