import { type CreationInput, findOtherFaults } from '../attachments/check-creation.js';
import { AttachmentError, type AttachmentErrorCode, fault, type Loc } from '../errors.js';
import { InvalidBase64 } from '../intake/decode-base64.js';
import { intakeFromTarget, type TakeStoredDependencies } from '../intake/from-target.js';
import { refuseText, type TextEncoding, takeInWholeText, typeOfDataUrl } from '../intake/from-text.js';
import type { Intake } from '../intake/intake.js';
import type { Door } from '../intake/receive.js';
import type { GraphqlContext } from './context.js';
import type { AttachmentContentInput } from './types/creation-inputs.js';

/** Which of the doors the content came through. */
export function doorOf({ base64, dataUrl, documentKey }: AttachmentContentInput): Door {
  if (typeof base64 === 'string') return 'base64';
  if (typeof dataUrl === 'string') return 'dataUrl';
  return typeof documentKey === 'string' ? 'documentKey' : 'multipart';
}

/** The bytes that the input's one content stands for, taken in. Text of more than `maxSize` bytes is refused undecoded. */
export async function awaitContent(
  { upload, base64, dataUrl, documentKey }: AttachmentContentInput,
  context: GraphqlContext,
  maxSize: number,
): Promise<Intake> {
  if (upload instanceof Promise) return upload;
  const readAs = (encoding: TextEncoding, text: string) =>
    readText(context, { encoding, text, maxSize: Math.min(maxSize, context.deps.maxFileSize) });
  if (typeof base64 === 'string') return readAs('base64', base64);
  if (typeof dataUrl === 'string') return readAs('dataUrl', dataUrl);
  if (typeof documentKey === 'string') {
    const seesAny: TakeStoredDependencies['seesAny'] = (stored) => context.access.seesAny(stored);
    return intakeFromTarget({ ...context.deps, seesAny }, context.viewer, documentKey);
  }
  throw badContent('missing_content', [], 'Exactly one kind of content is needed.');
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
export async function refuseWithAll(
  { deps, viewer }: GraphqlContext,
  input: CreationInput,
  { base64, dataUrl }: AttachmentContentInput,
  error: unknown,
): Promise<never> {
  if (!(error instanceof AttachmentError) || !contentFaults.has(error.code)) throw error;
  if (error.details.some(({ type }) => type === 'timeout')) throw error;
  const hasName = typeof base64 !== 'string' && typeof dataUrl !== 'string';
  const urlType = error instanceof InvalidBase64 ? error.declaredType : await typeOfDataUrl(dataUrl ?? '');
  const { details, limit } = await findOtherFaults(deps, viewer, input, { hasName, urlType });
  throw error.with(details, limit);
}

interface GivenText {
  encoding: TextEncoding;
  text: string;
  /** In decoded bytes. */
  maxSize: number;
}

/** A long text has been taken in while the request was read, and a token stands for it. */
async function readText(context: GraphqlContext, given: GivenText): Promise<Intake> {
  const { deps, viewer, longTexts } = context;
  const { encoding, text, maxSize } = given;
  const long = longTexts.get(text);
  if (long && long.kind !== encoding) throw wrongEncoding(encoding);
  if (long) return 'intake' in long.taken ? long.taken.intake : refuseText(long.taken.fault, maxSize);
  if (context.taken.length >= deps.maxFiles) throw tooMany(deps.maxFiles, encoding);
  const { organizationId } = viewer;
  const intake = await takeInWholeText(deps, { organizationId, ...given });
  context.taken.push(intake);
  deps.uploadMeter.onStored(encoding, intake.size);
  return intake;
}

/** The fault that a short text has too: no base64 has a colon, and no data URL that is base64 throughout has a comma. */
function wrongEncoding(encoding: TextEncoding): AttachmentError {
  if (encoding === 'dataUrl') {
    return badContent('data_url_invalid', [encoding], 'There is no comma.');
  }
  const colon = 'data'.length;
  const msg = `This is no base64 from the character at offset ${colon} on.`;
  return badContent('base64_invalid', [encoding, colon], msg);
}

function tooMany(limit: number, encoding: TextEncoding): AttachmentError {
  const msg = `At most ${limit} files are allowed in one request.`;
  return fault('too_many_files', ['input', 'content', encoding], msg, { limit });
}

function badContent(
  type: 'missing_content' | 'data_url_invalid' | 'base64_invalid',
  loc: Loc,
  msg: string,
): AttachmentError {
  return fault(type, ['input', 'content', ...loc], msg, { message: msg });
}
