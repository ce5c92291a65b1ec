import { hasSignature, isContainerOf, isSameFormat, mayHold } from './content-formats.js';
import { isTextType, unknownType } from './content-type-names.js';
import type { DetectedContent } from './detect-content-type.js';

/** May content that was found to be so be called `type`, a standard name? What has no signature fits whatever has none. */
export function fitsContent({ contentType, form, hint, inside }: DetectedContent, type: string): boolean {
  if (form === 'empty' || type === unknownType || isSameFormat(contentType, type)) return true;
  if (hint !== null && isSameFormat(hint, type)) return true;
  if (type === 'image/svg+xml') return false;
  if (form === 'text') return isTextType(type) || !hasSignature(type);
  if (isTextType(type)) return false;
  if (contentType === unknownType) return !hasSignature(type);
  return isContainerOf(type, contentType) || mayHold(contentType, inside, type);
}
