import { MIMEType } from 'node:util';
import { multipartFault } from './multipart-fault.js';

/** RFC 2046, 5.1.1: 1 to 70 characters of these, no space at the end. */
const boundaryPattern = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/;

/** The boundary that a Content-Type header of `multipart/form-data` names, or INVALID_MULTIPART. */
export function readBoundary(contentType: string | undefined): string {
  const type = parseContentType(contentType ?? '');
  if (type?.essence !== 'multipart/form-data')
    throw multipartFault([], 'content_type', 'The Content-Type must be multipart/form-data.');
  const boundary = type.params.get('boundary');
  if (boundary === null || !boundaryPattern.test(boundary))
    throw multipartFault(
      [],
      'boundary',
      'The Content-Type must name a boundary of 1 to 70 permitted characters.',
    );
  return boundary;
}

function parseContentType(text: string): MIMEType | null {
  try {
    return new MIMEType(text);
  } catch {
    return null;
  }
}
