import type { FaultDetail } from '../errors.js';
import {
  type DetectedContent,
  fitsContent,
  isContainerOf,
  isSameFormat,
  isTold,
  isWrittenAs,
  mayBeClaimed,
} from './content-formats.js';
import {
  type AcceptedTypes,
  extensionOf,
  isKnownType,
  isSameType,
  isTextType,
  isVagueType,
  parseMediaType,
  plainText,
  standardType,
  typesOfExtension,
  unknownType,
} from './media-types.js';

/** How extension and content must agree: the extension is one of the found type's, or does not matter. */
export type ExtensionRule = 'match' | 'any';

export interface ContentTypeClaims {
  content: DetectedContent;
  fileName: string;
  /** The media type that the client claims: the input's, a target's, a data URL's. It must be right. */
  claim: string | null;
  /** The type that a file part came with. Nobody chose it: it helps to choose, and is never held against the file. */
  hint: string | null;
  /** The policy's table. Its names for the extension go before all others. */
  acceptedTypes: AcceptedTypes | null;
  extensions: ExtensionRule;
}

/** Why bytes, name and claimed type do not agree; `loc` is a path below the input. */
export interface ContentTypeFault extends FaultDetail {
  type: 'extension_mismatch' | 'declared_type_mismatch' | 'invalid_media_type';
}

/** Types that browsers give files with these extensions, whatever is in them: keys are no talks, and drawings are mostly PDF. */
const habitualTypes: ReadonlyMap<string, string> = new Map([
  ['.ai', 'application/postscript'],
  ['.csv', 'application/vnd.ms-excel'],
  ['.key', 'application/vnd.apple.keynote'],
  ['.m2ts', 'video/mp2t'],
  ['.mts', 'video/mp2t'],
  ['.pub', 'application/x-mspublisher'],
  ['.rtf', 'application/msword'],
  ['.ts', 'video/mp2t'],
]);

/** Types that may be given, all by standard name, as far as they fit the content. */
interface Candidates {
  claim: string | null;
  hint: string | null;
  /** The policy's for the extension. */
  accepted: readonly string[];
  /** The policy's and the registry's for the extension. */
  named: readonly string[];
  /** Whether the extension says nothing, or nothing that fits. */
  isFree: boolean;
}

/**
 * The one type, by its standard name, that bytes, extension and claim agree on. Bytes decide between text and binary and between
 * formats with a signature; an extension that is not known, and a claim that says nothing, agree with everything; kinds of text
 * agree with one another.
 */
export function agreeContentType(
  claims: ContentTypeClaims,
): { contentType: string } | { fault: ContentTypeFault } {
  const { content, fileName, acceptedTypes, extensions } = claims;
  const extension = extensionOf(fileName);
  const claim = readDeclared(claims.claim, fileName);
  if (claim === 'invalid') return { fault: invalidMediaType() };
  const accepted = acceptedNames(acceptedTypes, extension).filter((type) => fitsContent(content, type));
  const known = [...acceptedNames(acceptedTypes, extension), ...typesOfExtension(extension)];
  const named = known.filter((type) => fitsContent(content, type));
  const mustMatch = extensions === 'match' && known.length > 0;
  if (mustMatch && named.length === 0) return { fault: wrongExtension(extension, known, content) };
  // Nothing is any type's beginning, and a name that does not matter may promise what never came.
  if (claim !== null && (content.form !== 'empty' || extensions === 'match')) {
    const isRight = fitsContent(content, claim) || mayBeClaimed(content, claim);
    if (!isRight) return { fault: wrongDeclaration(claim, describe(content)) };
    if (mustMatch && !named.some((type) => areSimilar(content, claim, type))) {
      return { fault: wrongDeclaration(claim, `named ${extension}`) };
    }
  }
  // Markup under the name of a document, such as `letter.doc`, is not plain text for that.
  const [first = plainText] = known;
  const isMarkup = ![plainText, unknownType].includes(content.contentType) && !isTextType(first);
  const written = named.filter((type) => isWrittenAs(content, type));
  const told = extensions === 'any' && isMarkup ? written.filter((type) => type !== plainText) : written;
  const fitting = claim !== null && fitsContent(content, claim) ? claim : null;
  const hint = readHint(claims.hint, claims);
  const listed = accepted.length > 0 || extensions === 'match' ? accepted : sameIn(acceptedTypes, content);
  const isFree = content.form === 'empty' ? known.length === 0 : told.length === 0;
  return { contentType: choose(content, { claim: fitting, hint, accepted: listed, named: told, isFree }) };
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

/** The type of a file part, if it is one that there is and that adds to what the bytes say. */
function readHint(hint: string | null, { content, fileName }: ContentTypeClaims): string | null {
  const type = readDeclared(hint, fileName);
  if (type === null || type === 'invalid' || !isKnownType(type) || !fitsContent(content, type)) return null;
  if (content.form === 'text' && !isTextType(type) && !content.hints.includes(type)) return null;
  if (content.contentType === unknownType && isTold(type) && !content.hints.includes(type)) return null;
  return type.startsWith('multipart/') ? null : type;
}

function acceptedNames(acceptedTypes: AcceptedTypes | null, extension: string): string[] {
  if (acceptedTypes === null) return [];
  return [...acceptedTypes].flatMap(([type, extensions]) => (extensions.has(extension) ? [type] : []));
}

/** The policy's types, whatever their extensions, that the content is found to be. */
function sameIn(acceptedTypes: AcceptedTypes | null, { contentType }: DetectedContent): string[] {
  return [...(acceptedTypes?.keys() ?? [])].filter((type) => isSameFormat(type, contentType));
}

/** Do a claimed type and one of the extension's, which fits the content, mean the same? */
function areSimilar(content: DetectedContent, claim: string, named: string): boolean {
  if (isSameFormat(claim, named) || isContainerOf(claim, named) || named === unknownType) return true;
  // A name that people give the format says nothing of the extension.
  if (!fitsContent(content, claim)) return true;
  return isTextType(claim) && (content.form === 'text' || isTextType(named));
}

function choose(content: DetectedContent, { claim, hint, accepted, named, isFree }: Candidates): string {
  const [firstAccepted] = accepted;
  if (firstAccepted !== undefined) {
    return [claim, hint].find((type) => type !== null && accepted.includes(type)) ?? firstAccepted;
  }
  const found = content.contentType;
  if (content.form === 'empty') return chooseEmpty({ claim, hint, named, isFree });
  if (claim !== null && ![found, ...named].some((type) => isContainerOf(claim, type))) return claim;
  if (isFree) return hint !== null && leavesChoice(content, hint) ? hint : found;
  const textual = content.form === 'text' ? named.find(isTextType) : undefined;
  const hinted = hint !== null && named.includes(hint) ? hint : undefined;
  return named.find((type) => isSameType(type, found)) ?? hinted ?? textual ?? named[0] ?? found;
}

/** Nothing is text, if the name or, without one, what was declared is a text's. */
function chooseEmpty({ claim, hint, named, isFree }: Omit<Candidates, 'accepted'>): string {
  const isText = (type: string | null) => type !== null && isTextType(type);
  if (!isFree && !named.some(isText)) return unknownType;
  const texts = (isFree ? [claim, hint] : [claim, ...named]).filter(isText);
  return texts.find((type) => type?.startsWith('text/')) ?? (texts.length > 0 ? plainText : unknownType);
}

/** Do the bytes say less than the type that a file part came with? */
function leavesChoice({ contentType }: DetectedContent, hint: string): boolean {
  return contentType === unknownType || contentType === plainText || isContainerOf(contentType, hint);
}

function describe({ contentType, form }: DetectedContent): string {
  if (form === 'empty') return 'empty';
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

/** Whether what was stored as one type may be called another. A container stored as no more than that has nothing else inside. */
function mayBeCalled(contentType: string, type: string): boolean {
  const form = isTextType(contentType) ? 'text' : 'binary';
  return fitsContent({ contentType, form, hints: [], inside: 'read', charset: null }, type);
}
