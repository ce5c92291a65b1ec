import type { Intake } from '../attachments/intake.js';
import { AttachmentError } from '../errors.js';
import type { AttachmentContentInput } from './types/inputs.js';

/** The bytes that the input's one content stands for, taken in. */
export async function awaitContent({ upload }: AttachmentContentInput): Promise<Intake> {
  if (upload instanceof Promise) return upload;
  const msg = 'Exactly one kind of content is needed.';
  throw new AttachmentError('BAD_USER_INPUT', {
    details: [{ loc: ['input', 'content'], msg, type: 'missing_content' }],
  });
}
