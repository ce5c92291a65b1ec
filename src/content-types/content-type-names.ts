import { supportedMimeTypes } from 'file-type';
import mime from 'mime-types';

/** Content types by standard name, each with the extensions it may have: lower case, with their dot. */
export type AcceptedTypes = ReadonlyMap<string, ReadonlySet<string>>;

export const unknownType = 'application/octet-stream';
export const plainText = 'text/plain';

/** Names that say nothing of the content. */
const vagueTypes = new Set([
  unknownType,
  'application/binary',
  'application/force-download',
  'application/unknown',
  'application/x-binary',
  'application/x-compressed',
  'application/x-download',
  'application/x-octet-stream',
  'binary/octet-stream',
]);

/** Other names that a type goes by; `x-` in front of a subtype need not be repeated here. */
const otherNames: Record<string, readonly string[]> = {
  'application/gzip': ['application/gzip-compressed', 'application/gunzip'],
  'application/msword': ['application/doc', 'application/vnd.msword', 'application/winword'],
  'application/pdf': ['application/acrobat', 'text/pdf'],
  'application/postscript': ['application/illustrator', 'application/vnd.adobe.illustrator'],
  'application/rtf': ['text/rtf'],
  'application/sql': ['text/sql'],
  'application/vnd.autodesk.fbx': ['application/x.autodesk.fbx'],
  'application/vnd.ms-excel': ['application/excel', 'application/msexcel', 'application/vnd.excel'],
  'application/vnd.ms-powerpoint': ['application/powerpoint', 'application/mspowerpoint'],
  'application/vnd.rar': ['application/rar', 'application/rar-compressed'],
  'application/vnd.visio': ['application/visio', 'application/vnd.ms-visio'],
  'application/x-cfb': ['application/cdfv2', 'application/ole-storage', 'application/vnd.ms-office'],
  'application/x-chrome-extension': ['application/x-google-chrome-extension'],
  'application/x-debian-package': ['application/deb', 'application/vnd.debian.binary-package'],
  'application/x-ms-shortcut': ['application/x.ms.shortcut'],
  'application/x-msdownload': [
    'application/dosexec',
    'application/msdos-program',
    'application/vnd.microsoft.portable-executable',
  ],
  'application/x-redhat-package-manager': ['application/rpm'],
  'application/xml': ['text/xml'],
  'application/zip': ['application/zip-compressed', 'multipart/zip'],
  'audio/aiff': ['audio/aif'],
  'audio/midi': ['audio/mid'],
  'audio/mpeg': ['audio/mp3', 'audio/mpeg3', 'audio/mpg'],
  'audio/wav': ['audio/vnd.wave', 'audio/wave'],
  'audio/x-m4a': ['audio/m4a'],
  'audio/xm': ['audio/x-xm'],
  'image/bmp': ['image/ms-bmp', 'image/windows-bmp'],
  'image/jpeg': ['image/jpe', 'image/jpg', 'image/pjpeg'],
  'image/jxr': ['image/vnd.ms-photo'],
  'image/svg+xml': ['image/svg', 'image/svg-xml'],
  'image/tiff': ['image/tif'],
  'image/vnd.adobe.photoshop': ['application/photoshop', 'image/photoshop', 'image/psd'],
  'image/vnd.microsoft.icon': ['image/ico', 'image/icon'],
  'text/csv': ['application/csv', 'text/comma-separated-values'],
  'text/javascript': ['application/ecmascript', 'application/javascript', 'text/ecmascript'],
  'text/vcard': ['text/directory'],
  'text/yaml': ['application/yaml'],
  'video/mj2': ['image/mj2'],
  'video/x-msvideo': ['video/avi', 'video/msvideo', 'video/vnd.avi'],
};

const standardNames = new Map(
  [...Object.keys(mime.extensions), ...Array.from(supportedMimeTypes, withoutParameters)]
    .toSorted((one, other) => Number(isProvisional(other)) - Number(isProvisional(one)))
    .map((type) => [established(type), type]),
);

for (const [type, names] of Object.entries(otherNames)) {
  for (const name of [type, ...names]) standardNames.set(established(name), type);
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

export function isSameType(one: string, other: string): boolean {
  return standardType(one) === standardType(other);
}

/** Does a type's name leave open what the content is? */
export function isVagueType(type: string): boolean {
  return vagueTypes.has(type);
}

/** Is content of this type, given by its standard name, text? */
export function isTextType(type: string): boolean {
  return /^(?:text|message)\/|\+(?:json|xml|yaml)$/.test(type) || textApplications.test(type);
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
