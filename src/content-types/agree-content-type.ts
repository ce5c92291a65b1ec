import type { FaultDetail } from '../errors.js';
import { hasSignature, isContainerOf, isSameFormat, mayHold } from './content-formats.js';
import {
  type AcceptedTypes,
  isSameType,
  isTextType,
  isVagueType,
  parseMediaType,
  plainText,
  standardType,
  unknownType,
} from './content-type-names.js';
import { type DetectedContent, detectContentType } from './detect-content-type.js';
import { extensionOf, typesOfExtension } from './extension-types.js';

export interface ContentTypeClaims {
  /** The first 4 KiB, or all where there is less. */
  head: Uint8Array;
  fileName: string;
  /** The media type that the client gave. */
  declared: string | null;
  /** The policy's table. Its names for the extension go before all others. */
  acceptedTypes: AcceptedTypes | null;
}

/** Why bytes, name and declared type do not agree; `loc` is a path below the input. */
export interface ContentTypeFault extends FaultDetail {
  type: 'extension_mismatch' | 'declared_type_mismatch' | 'invalid_media_type';
}

/** Types that browsers give files with these extensions, whatever is in them. */
const habitualTypes: ReadonlyMap<string, string> = new Map([
  ['.csv', 'application/vnd.ms-excel'],
  ['.rtf', 'application/msword'],
  ['.ts', 'video/mp2t'],
]);

/**
 * The one type, by its standard name, that the bytes, the name's extension and the declared type agree on. Bytes decide
 * between text and binary and between formats with a signature; an extension that is not known, and a declared type that
 * says nothing, agree with everything; kinds of text agree with one another.
 */
export async function agreeContentType(
  claims: ContentTypeClaims,
): Promise<{ contentType: string } | { fault: ContentTypeFault }> {
  const { fileName, acceptedTypes } = claims;
  const extension = extensionOf(fileName);
  const declared = readDeclared(claims.declared, fileName);
  if (declared === 'invalid') return { fault: invalidMediaType() };
  const content = await detectContentType(claims.head);
  const accepted = acceptedNames(acceptedTypes, extension).filter((type) => fitsContent(content, type));
  const known = [...acceptedNames(acceptedTypes, extension), ...typesOfExtension(extension)];
  const named = known.filter((type) => fitsContent(content, type));
  if (known.length > 0 && named.length === 0) return { fault: wrongExtension(extension, known, content) };
  if (declared !== null) {
    if (!fitsContent(content, declared)) return { fault: wrongDeclaration(declared, describe(content)) };
    if (known.length > 0 && !named.some((type) => areSimilar(content, declared, type))) {
      return { fault: wrongDeclaration(declared, `named ${extension}`) };
    }
  }
  return { contentType: choose(content, declared, accepted, named) };
}

/**
 * The types, by standard name, that a stored attachment of this type and name may equally be called: what can be said
 * without its bytes. Its own type comes first.
 */
export function typesFor(contentType: string, fileName: string): string[] {
  const type = standardType(contentType);
  const named = typesOfExtension(extensionOf(fileName)).filter((other) => mayBeCalled(type, other));
  return [...new Set([type, ...named, ...(isTextType(type) ? [plainText] : [])])];
}

/** May a stored attachment of this type have this name? With an extension that is not known, or none, it may. */
export function extensionAgrees(contentType: string, fileName: string): boolean {
  const known = typesOfExtension(extensionOf(fileName));
  return known.length === 0 || known.some((type) => mayBeCalled(standardType(contentType), type));
}

/** By its standard name, or 'invalid'; null where nothing, or nothing that says anything, was declared. */
export function readDeclared(declared: string | null, fileName: string): string | null {
  if (declared === null || declared.trim() === '') return null;
  const parsed = parseMediaType(declared);
  if (parsed === null) return 'invalid';
  const type = standardType(parsed);
  return isVagueType(parsed) || habitualTypes.get(extensionOf(fileName)) === type ? null : type;
}

function acceptedNames(acceptedTypes: AcceptedTypes | null, extension: string): string[] {
  if (acceptedTypes === null) return [];
  return [...acceptedTypes].flatMap(([type, extensions]) => (extensions.has(extension) ? [type] : []));
}

/** Do a declared type and one of the extension's, both of which fit the content, mean the same? */
function areSimilar(content: DetectedContent, declared: string, named: string): boolean {
  if (isSameFormat(declared, named) || isContainerOf(declared, named) || named === unknownType) return true;
  return isTextType(declared) && (content.form === 'text' || isTextType(named));
}

function choose(
  content: DetectedContent,
  declared: string | null,
  accepted: readonly string[],
  named: readonly string[],
): string {
  const [firstAccepted] = accepted;
  if (firstAccepted !== undefined) {
    return declared !== null && accepted.includes(declared) ? declared : firstAccepted;
  }
  const found = content.contentType;
  if (declared !== null && ![found, ...named].some((type) => isContainerOf(declared, type))) return declared;
  const textual = content.form === 'text' ? named.find(isTextType) : undefined;
  return named.find((type) => isSameType(type, found)) ?? textual ?? named[0] ?? found;
}

function describe({ contentType, form }: DetectedContent): string {
  if (contentType !== unknownType) return contentType;
  return form === 'text' ? 'text' : 'of no known format';
}

/** BAD_USER_INPUT for a declared type that `readDeclared` finds invalid. */
export function invalidMediaType(): ContentTypeFault {
  const msg = 'The content type is not a media type such as image/png.';
  return { loc: ['contentType'], type: 'invalid_media_type', msg };
}

function wrongExtension(
  extension: string,
  types: readonly string[],
  content: DetectedContent,
): ContentTypeFault {
  const msg = `A ${extension} file is ${[...new Set(types)].join(' or ')}, but the content is ${describe(content)}.`;
  return { loc: ['fileName'], type: 'extension_mismatch', msg };
}

function wrongDeclaration(declared: string, found: string): ContentTypeFault {
  const msg = `The content is declared to be ${declared}, but it is ${found}.`;
  return { loc: ['contentType'], type: 'declared_type_mismatch', msg };
}

/** Whether what was stored as one type may be called another; of a container stored as no more than that the inside is not known. */
function mayBeCalled(contentType: string, type: string): boolean {
  const form = isTextType(contentType) ? 'text' : 'binary';
  return fitsContent({ contentType, form, hint: null, inside: '' }, type);
}

/** May content that was found to be so be called `type`, a standard name? What has no signature fits whatever has none. */
function fitsContent({ contentType, form, hint, inside }: DetectedContent, type: string): boolean {
  if (form === 'empty' || type === unknownType || isSameFormat(contentType, type)) return true;
  if (hint !== null && isSameFormat(hint, type)) return true;
  if (type === 'image/svg+xml') return false;
  if (form === 'text') return isTextType(type) || !hasSignature(type);
  if (isTextType(type)) return false;
  if (contentType === unknownType) return !hasSignature(type);
  return isContainerOf(type, contentType) || mayHold(contentType, inside, type);
}
