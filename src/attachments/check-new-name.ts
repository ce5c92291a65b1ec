import type { AttachmentRow } from '../database/entities/attachment.js';
import type { Faults } from '../faults.js';
import { extensionAgrees } from './agree-content-type.js';
import { chooseFileName } from './choose-file-name.js';

/** The cleaned name an attachment shall have from now on, or its present one for null. Notes a fault where it will not do. */
export function checkNewName(
  faults: Faults,
  given: string | null,
  { fileName, contentType }: AttachmentRow,
): string {
  if (given === null) return fileName;
  const name = chooseFileName(faults, given, null);
  if (name !== '' && !extensionAgrees(contentType, name)) {
    const msg = `The content is ${contentType}, which does not go with this name's extension.`;
    faults.add('CONTENT_TYPE_MISMATCH', ['input', 'fileName'], 'extension_mismatch', msg);
  }
  return name;
}
