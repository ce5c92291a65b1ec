import { supportedMimeTypes } from 'file-type';
import mime from 'mime-types';
import { formats } from './formats.js';
import { wordsOf } from './media-formats.js';

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
  // curl and many libraries say it of any body that they are given no type for.
  'application/x-www-form-urlencoded',
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

const registry = listByExtension();

const invisible = /\p{Default_Ignorable_Code_Point}/gu;

/** The last extension of a name as one reads it: in lower case, with its dot, without invisible characters; '' where there is none. */
export function extensionOf(fileName: string): string {
  const name = fileName.replace(invisible, '');
  const dot = name.lastIndexOf('.');
  return dot < 0 || dot === name.length - 1 ? '' : name.slice(dot).toLowerCase();
}

/** The types that an extension stands for, by standard name, the likeliest first; none where it is not known. */
export function typesOfExtension(extension: string): readonly string[] {
  return registry.get(extension) ?? [];
}

function listByExtension(): Map<string, string[]> {
  const types = new Map<string, Set<string>>();
  const add = (extension: string, type: string) => {
    if (isVagueType(type)) return;
    const known = types.get(extension) ?? new Set();
    types.set(extension, known.add(standardType(type)));
  };
  for (const { type, ext } of formats) for (const extension of wordsOf(ext)) add(extension, type);
  const ours = new Set(types.keys());
  const registered = [
    ...Object.entries(mime.types),
    ...Object.entries(mime.extensions).flatMap(([type, extensions]) =>
      extensions.map((one) => [one, type] as const),
    ),
  ];
  for (const [extension, type] of registered) if (!ours.has(`.${extension}`)) add(`.${extension}`, type);
  for (const { type, also } of formats) for (const extension of wordsOf(also)) add(extension, type);
  return new Map(Array.from(types, ([extension, known]) => [extension, [...known]]));
}
