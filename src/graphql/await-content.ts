import type { Intake } from '../attachments/intake.js';
import { takeStored } from '../attachments/take-stored.js';
import { AttachmentError } from '../errors.js';
import type { GraphqlContext } from './context.js';
import type { AttachmentContentInput } from './types/creation-inputs.js';

/** The bytes that the input's one content stands for, taken in. */
export async function awaitContent(
  { upload, documentKey }: AttachmentContentInput,
  { deps, viewer }: GraphqlContext,
): Promise<Intake> {
  if (upload instanceof Promise) return upload;
  if (typeof documentKey === 'string') return takeStored(deps, viewer, documentKey);
  const msg = 'Exactly one kind of content is needed.';
  throw new AttachmentError('BAD_USER_INPUT', {
    details: [{ loc: ['input', 'content'], msg, type: 'missing_content' }],
  });
}
