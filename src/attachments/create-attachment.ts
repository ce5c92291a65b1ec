import type { Viewer } from '../auth/viewer.js';
import { AttachmentError, type AttachmentErrorCode, fault } from '../errors.js';
import type { IntakeDependencies } from '../intake/from-stream.js';
import { type FromTargetDependencies, intakeFromTarget } from '../intake/from-target.js';
import { intakeFromText, type TextEncoding, type TextSource, typeOfDataUrl } from '../intake/from-text.js';
import { type Door, measureUpload, type UploadMeter } from '../intake/hash-content.js';
import type { Intake } from '../intake/intake.js';
import type { RecordRef } from '../model/record.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import { isForCalendar, limitFileSize } from '../policies/choose-policy.js';
import { type CheckCreationDependencies, type CreationInput, findOtherFaults } from './check-creation.js';
import { isAnyKnown } from './idempotency.js';
import { type InsertAttachmentDependencies, insertAttachment } from './insert-attachment.js';

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
    const termsOfText = () => ({
      maxSize: limitFileSize(deps.policies, creation),
      takesDataUrl: isForCalendar(deps.policies, creation),
    });
    const intake = await receiveContent(deps, request, content, termsOfText).catch((error: unknown) =>
      refuseWithAll(deps, viewer, input, error),
    );
    return insertAttachment(deps, viewer, creation, { intake });
  });
  if (stored.isReplay) await access.assertMayReplay(stored, creation);
  return stored;
}

/**
 * For requests whose content is still to come: throws QUOTA_EXCEEDED if there may be no attachment more, and none of the creations is
 * a repetition by its idempotency key.
 */
export async function assertCreatable(
  { database: { read }, quotas }: Pick<CreateAttachmentDependencies, 'database' | 'quotas'>,
  viewer: Viewer,
  keys: readonly (string | null)[],
): Promise<void> {
  const quota = await quotas.of(viewer.organizationId);
  await quota?.assertAttachments(read, 1, ['input', 'content']).catch(async (error: unknown) => {
    // Looked for last: whoever has taken the last place has committed its key with it.
    if (!(await isAnyKnown(read, viewer, keys))) throw error;
  });
}

/** The source of the bytes of a new attachment; exactly one is given. */
export interface ContentInput {
  /** A file part, taken in already. */
  upload?: Promise<Intake> | null;
  base64?: string | null;
  dataUrl?: string | null;
  /** An object that an upload target has brought. */
  documentKey?: string | null;
}

export interface ReceiveContentDependencies
  extends Omit<FromTargetDependencies, 'seesAny'>,
    Pick<IntakeDependencies, 'inlining'> {
  uploadMeter: UploadMeter;
  /** Bytes that a file may have. */
  maxFileSize: number;
  /** Bytes that content as text may have once it is decoded. */
  maxInlineSize: number;
  /** Contents of one request. */
  maxFiles: number;
}

/** The request that the content comes with. */
export interface ContentRequest {
  viewer: Viewer;
  access: Pick<FromTargetDependencies, 'seesAny'>;
  /** Everything taken in for it; text is added here. */
  taken: Intake[];
}

/** Which of the doors the content comes through. */
export function doorOf({ base64, dataUrl, documentKey }: ContentInput): Door {
  if (typeof base64 === 'string') return 'base64';
  if (typeof dataUrl === 'string') return 'dataUrl';
  return typeof documentKey === 'string' ? 'documentKey' : 'multipart';
}

/** The bytes that the input's one content stands for, taken in. Text of more bytes than its terms say is refused undecoded. */
export async function receiveContent(
  deps: ReceiveContentDependencies,
  request: ContentRequest,
  { upload, base64, dataUrl, documentKey }: ContentInput,
  termsOfText: () => Pick<TextSource, 'maxSize' | 'takesDataUrl'>,
): Promise<Intake> {
  if (upload instanceof Promise) return upload;
  if (typeof base64 === 'string')
    return receiveText(deps, request, { encoding: 'base64', text: base64, ...termsOfText() });
  if (typeof dataUrl === 'string')
    return receiveText(deps, request, { encoding: 'dataUrl', text: dataUrl, ...termsOfText() });
  if (typeof documentKey === 'string') {
    const seesAny: FromTargetDependencies['seesAny'] = (stored) => request.access.seesAny(stored);
    return intakeFromTarget({ ...deps, seesAny }, request.viewer, documentKey);
  }
  const msg = 'Exactly one kind of content is needed.';
  throw fault('missing_content', ['input', 'content'], msg, { message: msg });
}

async function receiveText(
  deps: ReceiveContentDependencies,
  { viewer: { organizationId }, taken }: ContentRequest,
  { encoding, text, takesDataUrl, maxSize: asFile }: Omit<TextSource, 'organizationId'>,
): Promise<Intake> {
  if (taken.length >= deps.maxFiles) throw tooMany(deps.maxFiles, encoding);
  const maxSize = Math.min(asFile, deps.maxFileSize, deps.maxInlineSize);
  const receiving = intakeFromText(deps, { organizationId, encoding, text, maxSize, takesDataUrl });
  const intake = await receiving.catch((error: unknown) => {
    throw maxSize < Math.min(asFile, deps.maxFileSize) ? withAdvice(error, maxSize) : error;
  });
  taken.push(intake);
  deps.uploadMeter.onStored(encoding, intake.size);
  return intake;
}

/** A fault of size, where the same content would be taken in another form. */
function withAdvice(error: unknown, limit: number): unknown {
  if (!(error instanceof AttachmentError) || error.code !== 'FILE_TOO_LARGE') return error;
  const msg = `As text, content may have at most ${limit} bytes: send it as a file part or use createUploadTarget.`;
  return fault('file_too_large', ['input', 'content'], msg, { message: msg, limit });
}

function tooMany(limit: number, encoding: TextEncoding): AttachmentError {
  const msg = `At most ${limit} files are allowed in one request.`;
  return fault('too_many_files', ['input', 'content', encoding], msg, { limit });
}

/** Faults of the content itself, beside which others can be told. */
const contentFaults: ReadonlySet<AttachmentErrorCode> = new Set([
  'BAD_USER_INPUT',
  'INVALID_BASE64',
  'FILE_TOO_LARGE',
  'UPLOAD_NOT_FINISHED',
  'DOCUMENT_KEY_UNKNOWN',
  'NOT_APPROVED',
]);

/** Throws what the content has been refused with; a fault of the content together with all others of the input. */
async function refuseWithAll(
  deps: CheckCreationDependencies,
  viewer: Viewer,
  { content: { base64, dataUrl }, ...input }: CreationInput & { content: ContentInput },
  error: unknown,
): Promise<never> {
  if (!(error instanceof AttachmentError) || !contentFaults.has(error.code)) throw error;
  if (error.details.some(({ type }) => type === 'timeout')) throw error;
  const hasName = typeof base64 !== 'string' && typeof dataUrl !== 'string';
  const urlType = typeOfDataUrl(dataUrl ?? '');
  const { details, limit } = await findOtherFaults(deps, viewer, input, { hasName, urlType });
  throw error.with(details, limit);
}
