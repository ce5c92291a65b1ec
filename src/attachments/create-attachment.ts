import { measureUpload } from '../intake/measure-upload.js';
import type { RecordRef } from '../model/record.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import { isForCalendar, limitFileSize } from '../policies/choose-policy.js';
import type { CreationInput } from './check-creation.js';
import { type InsertAttachmentDependencies, insertAttachment } from './insert-attachment.js';
import {
  type ContentInput,
  type ContentRequest,
  doorOf,
  type ReceiveContentDependencies,
  receiveContent,
  refuseWithAll,
} from './receive-content.js';

export type CreateAttachmentDependencies = InsertAttachmentDependencies & ReceiveContentDependencies;

/** Who asks, what records they may see and change, and what has been taken in for their request. */
export interface CreationRequest extends ContentRequest {
  access: ContentRequest['access'] & {
    assertMayEdit(record: RecordRef, field: string | null, loc: (string | number)[]): Promise<void>;
    mayView(record: RecordRef, field: string | null): Promise<boolean>;
    assertMayReplay(stored: StoredAttachment, input: CreationInput): Promise<void>;
  };
}

/**
 * Makes an attachment of content, in whichever form it comes: the one verb behind every entrance. The same idempotency key
 * gives the first attachment again. Throws FORBIDDEN for a record that the viewer may not change; every fault of the content
 * and the rest of the input in one error; and what `insertAttachment` throws.
 *
 * @example
 * await createAttachment(deps, { viewer, access, taken }, { content: { base64: 'SGVsbG8=' }, fileName: 'a.txt', ...rest });
 */
export async function createAttachment(
  deps: CreateAttachmentDependencies,
  request: CreationRequest,
  input: CreationInput & { content: ContentInput },
): Promise<StoredAttachment> {
  const { viewer, access } = request;
  const { content, ...creation } = input;
  const { record, field } = creation;
  if (record) await access.assertMayEdit(record, field, ['input', 'record']);
  // An authorizer that cannot be asked must fail before there is an id, since the answer shows the links.
  if (record && field !== null) await access.mayView(record, field);
  const stored = await measureUpload(deps.uploadMeter, doorOf(content), async () => {
    const maxSize = limitFileSize(deps.policies, creation);
    const takesDataUrl = isForCalendar(deps.policies, creation);
    const intake = await receiveContent(deps, request, content, { maxSize, takesDataUrl }).catch(
      (error: unknown) => refuseWithAll(deps, viewer, input, error),
    );
    return insertAttachment(deps, viewer, { ...creation, intake });
  });
  if (stored.isReplay) await access.assertMayReplay(stored, creation);
  return stored;
}
