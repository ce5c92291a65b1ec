import { supportedMimeTypes } from 'file-type';
import mime from 'mime-types';
import { wordsOf } from './format.js';
import { formats } from './formats.js';

/** Content types by standard name, each with the extensions it may have: lower case, with their dot. */
export type AcceptedTypes = ReadonlyMap<string, ReadonlySet<string>>;

export const unknownType = 'application/octet-stream';
export const plainText = 'text/plain';

/** Names that say nothing of the content. */
const vagueTypes = new Set([
  unknownType,
  'application/binary',
  'application/data',
  'application/download',
  'application/file',
  'application/force-download',
  'application/octet',
  'application/octetstream',
  'application/save',
  'application/unknown',
  'application/x-binary',
  'application/x-compressed',
  'application/x-download',
  'application/x-file',
  'application/x-force-download',
  'application/x-octet-stream',
  'application/x-unknown',
  'binary/octet-stream',
  'unknown/unknown',
]);

const standardNames = new Map(
  [...Object.keys(mime.extensions), ...Array.from(supportedMimeTypes, withoutParameters)]
    .toSorted((one, other) => Number(isProvisional(other)) - Number(isProvisional(one)))
    .map((type) => [established(type), type]),
);

for (const { type, names } of formats) {
  for (const name of [type, ...wordsOf(names)]) standardNames.set(established(name), type);
}

/** Written in the application tree, and yet text. */
const textApplications = new RegExp(
  `^application/(?:x-)?(?:${[
    'bibtex|csh|desktop|graphql|hjson|httpd-php|json5?|json-?lines|jsonl|latex|mbox|ndjson|node|n-quads|n-triples',
    'ns-proxy-autoconfig|perl|php|python|python-code|ruby|sh|shar|shellscript|sparql-query|sql|subrip|tcl|tex',
    'texinfo|toml|trig|troff|typescript|xml|xml-dtd',
  ].join('|')})$`,
);

/** The one name under which a type is stored: `image/jpg` and `image/pjpeg` are `image/jpeg`. Takes lower case. */
export function standardType(type: string): string {
  return standardNames.get(established(type)) ?? type;
}

/** Is it, or is another name of it, one that a registry or our table has? */
export function isKnownType(type: string): boolean {
  return standardNames.has(established(type));
}

export function isSameType(one: string, other: string): boolean {
  return standardType(one) === standardType(other);
}

/** Does a type's name leave open what the content is? */
export function isVagueType(type: string): boolean {
  return vagueTypes.has(type);
}

/** Is content of this type, given by its standard name, text? */
export function isTextType(type: string): boolean {
  return /^(?:text|message)\/|\+(?:json|xml|yaml)$|-flat-xml$/.test(type) || textApplications.test(type);
}

function withoutParameters(type: string): string {
  return type.toLowerCase().replace(/;.*/, '');
}

function isProvisional(type: string): boolean {
  return type.includes('/x-');
}

function established(type: string): string {
  return type.replace('/x-', '/');
}

/** Names as RFC 6838 restricts them, so that `*` is no type. */
const name = '[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}';
const mediaType = new RegExp(`^[ \\t]*(${name}/${name})[ \\t]*(?:;\\P{Cc}*)?$`, 'u');

/** `type/subtype` of a media type, in lower case and without its parameters; null where it is not one. */
export function parseMediaType(text: string): string | null {
  return mediaType.exec(text)?.[1]?.toLowerCase() ?? null;
}
