import { isTextType, plainText } from './content-type-names.js';
import { extensionOf, typesOfExtension } from './extension-types.js';
import { fitsContent } from './fits-content.js';

/**
 * The types, by standard name, that a stored attachment of this type and name may equally be called: what can be said
 * without its bytes. `contentType` is as it was stored.
 */
export function typesFor(contentType: string, fileName: string): string[] {
  const named = typesOfExtension(extensionOf(fileName)).filter((type) => mayBeCalled(contentType, type));
  return [...new Set([contentType, ...named, ...(isTextType(contentType) ? [plainText] : [])])];
}

/** May a stored attachment of this type have this name? With an extension that is not known, or none, it may. */
export function extensionAgrees(contentType: string, fileName: string): boolean {
  const named = typesOfExtension(extensionOf(fileName));
  return named.length === 0 || named.some((type) => mayBeCalled(contentType, type));
}

/** Nothing is known of the inside of a container that was stored as no more than that. */
function mayBeCalled(contentType: string, type: string): boolean {
  const form = isTextType(contentType) ? 'text' : 'binary';
  return fitsContent({ contentType, form, hint: null, inside: '' }, type);
}
