import type { Faults } from '../faults.js';
import { cleanFileName, lastPathSegment, maxFileNameBytes } from './clean-file-name.js';

/**
 * The name that clients will see: the input's, else the file part's own. The input's must be right as it stands; the
 * part's loses its folders first. Notes a fault and returns '' where neither will do.
 */
export function chooseFileName(faults: Faults, given: string | null, ofPart: string | null): string {
  const name = given ?? (ofPart === null ? '' : lastPathSegment(ofPart));
  const cleaned = cleanFileName(name);
  if ('name' in cleaned) return cleaned.name;
  const { type, msg } = cleaned.fault;
  const limit = type === 'too_long' ? maxFileNameBytes : undefined;
  faults.add('INVALID_FILE_NAME', ['input', 'fileName'], type, msg, limit);
  return '';
}
