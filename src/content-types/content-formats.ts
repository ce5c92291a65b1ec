import { supportedMimeTypes } from 'file-type';
import mime from 'mime-types';
import { formats } from './formats.js';
import { type Container, wordsOf } from './media-formats.js';
import { isTextType, plainText, standardType, unknownType } from './media-types.js';

/** The result of looking at the bytes of a file. */
export interface DetectedContent {
  /** The standard name of the format found; else text/plain, or application/octet-stream where nothing is known. */
  contentType: string;
  form: 'empty' | 'text' | 'binary';
  /** Formats that too little speaks for to believe it, unless the name or the client says it too. */
  hints: readonly string[];
  /** A container whose inside says no more is `read`, one that cannot be read is `unread`; `encrypted` is a document under a password. */
  inside: 'read' | 'unread' | 'encrypted';
  /** The encoding of text, by its name in the standard of encodings; null where it is not known. */
  charset: string | null;
}

/** Formats that share their first bytes, or are commonly taken for one another. */
const lookalikes = [
  ['application/postscript', 'application/eps', 'image/eps', 'image/x-eps'],
  ['application/x-mobipocket-ebook', 'application/vnd.amazon.ebook', 'application/vnd.palm', 'model/prc'],
  ['application/vnd.rn-realmedia', 'application/vnd.rn-realmedia-vbr', 'audio/x-pn-realaudio'],
  ['application/vnd.ms-xpsdocument', 'application/oxps', 'model/vnd.dwfx+xps'],
  ['application/ogg', 'audio/ogg', 'audio/opus', 'audio/vorbis', 'video/ogg'],
  ['audio/aac', 'audio/mpeg'],
  ['audio/aiff', 'audio/x-aiff'],
  [
    'application/vnd.ms-asf',
    'audio/x-ms-asf',
    'audio/x-ms-wma',
    'video/x-ms-asf',
    'video/x-ms-wm',
    'video/x-ms-wmv',
  ],
  ['audio/matroska', 'audio/x-matroska', 'audio/webm', 'video/matroska', 'video/webm'],
  ['font/collection', 'font/otf', 'font/sfnt', 'font/ttf'],
  ['image/apng', 'image/png'],
  ['image/avif', 'image/heic', 'image/heic-sequence', 'image/heif', 'image/heif-sequence'],
  ['image/jp2', 'image/jpm', 'image/jpx', 'video/jpm', 'video/mj2'],
  ['image/tiff', 'image/x-adobe-dng', 'image/x-canon-cr2', 'image/x-nikon-nef', 'image/x-sony-arw'],
  ['video/mp1s', 'video/mp2p', 'video/mp2t', 'video/mpeg', 'video/x-ms-vob'],
  [
    'application/mp4',
    'audio/3gpp',
    'audio/3gpp2',
    'audio/mp4',
    'audio/x-m4a',
    'video/3gpp',
    'video/3gpp2',
    'video/mp4',
    'video/quicktime',
    'video/x-f4v',
    'video/x-m4v',
  ],
].map((group) => group.map(standardType));

const groupOf = new Map(lookalikes.flatMap((group) => group.map((type) => [type, group])));

export const zip = 'application/zip';
export const compoundFile = 'application/x-cfb';

const containerTypes: Record<Container, string> = {
  zip,
  ole: compoundFile,
  rar: 'application/vnd.rar',
  '7z': 'application/x-7z-compressed',
  tar: 'application/x-tar',
  gzip: 'application/gzip',
};

/** Documents of Office and their like. Only they can be under a password inside a compound file. */
const openPackage =
  /officedocument\.|ms-officetheme$|macroenabled|ms-excel\.sheet\.binary|ms-visio\.(?:drawing|stencil|template)$|xpsdocument$|\/oxps$|dwfx|\/3mf$/;

export const isOpenPackage = (type: string): boolean => openPackage.test(type);

/** ZIP archives that are told by their inside, so that no other archive is taken for one. */
const strictZip = new RegExp(
  `${openPackage.source}|oasis\\.opendocument\\.(?!.*flat)|\\.sun\\.xml\\.|/epub\\+zip$`,
);
const looseZip =
  /\+zip$|xpinstall$|vnd\.apple\.(?:keynote|numbers|pages)$|\/(?:appx|msix)|-(?:idml-package|krita)$|openraster$/;

const rows = formats.flatMap(({ type, in: container, strict = false }) =>
  container === undefined ? [] : [[type, { container: containerTypes[container], strict }] as const],
);
const members = new Map(rows);

/** The container that a format is in, and whether it is always recognized there; null for a format that is in none. */
function placeOf(type: string): { container: string; strict: boolean } | null {
  if (strictZip.test(type)) return { container: zip, strict: true };
  return members.get(type) ?? (looseZip.test(type) ? { container: zip, strict: false } : null);
}

/** Any of the containers, and formats that others are made of: what has no signature of its own may well be one of these. */
const containers = new Set([...Object.values(containerTypes), 'video/mp4']);

/** Formats without letters in them, whose signature a file often lacks, or that says too little. */
const unreliableBinary = [
  'application/x-apple-diskimage',
  'application/x-blender',
  'application/x-cpio',
  'application/x-msdownload',
  'video/mp2t',
].map(standardType);

/** The same of formats that may be written in text. */
const unreliableText = [
  'application/pgp-encrypted',
  'application/x-ms-regedit',
  'image/vnd.dxf',
  'model/stl',
];

const unreliable = new Set([...unreliableBinary, ...unreliableText.map(standardType)]);

const signatures = new Set(
  [
    ...Array.from(supportedMimeTypes, (type) => type.toLowerCase().replace(/;.*/, '')),
    ...lookalikes.flat(),
    ...formats.flatMap(({ type, begins }) => (begins ? [type] : [])),
  ].map(standardType),
);
for (const type of unreliable) signatures.delete(type);

/** Might the bytes have said that they are of this type? */
export function isTold(type: string): boolean {
  return hasSignature(type) || unreliable.has(type);
}

/** Must content of this type begin with bytes that are known? */
function hasSignature(type: string): boolean {
  return !isTextType(type) && (signatures.has(type) || placeOf(type) !== null);
}

export function isSameFormat(one: string, other: string): boolean {
  return one === other || groupOf.get(one)?.includes(other) === true;
}

/** Is every file of the one type also one of the other, more general type? */
export function isContainerOf(container: string, type: string): boolean {
  return placeOf(type)?.container === container || (container === 'application/xml' && type.endsWith('+xml'));
}

/** May the archive that was found be of the type, as far as its inside is known? */
function mayHold({ contentType, inside }: DetectedContent, type: string): boolean {
  const found = placeOf(contentType);
  const container = found !== null && !found.strict ? found.container : contentType;
  const place = placeOf(type);
  if (inside === 'encrypted' && openPackage.test(type)) return true;
  if (place !== null) return place.container === container && (!place.strict || inside === 'unread');
  return containers.has(container) && !hasSignature(type);
}

/** May the content be called `type`, a standard name? What has no signature fits whatever has none. */
export function fitsContent(content: DetectedContent, type: string): boolean {
  const { contentType, form, hints } = content;
  if (form === 'empty') return type === unknownType || (isTextType(type) && type !== 'image/svg+xml');
  if (type === unknownType || isSameFormat(contentType, type)) return true;
  if (hints.some((hint) => isSameFormat(hint, type))) return true;
  if (type === 'image/svg+xml') return false;
  if (form === 'text') return isTextType(type) || !(hasSignature(type) || unreliableBinary.includes(type));
  if (isTextType(type)) return false;
  if (contentType === unknownType) return !hasSignature(type);
  return isContainerOf(type, contentType) || mayHold(content, type);
}

const xml = /^application\/xml$|\+xml$/;
/** Types of text that are XML, although their names do not say it. */
const xmlText = new Set(['text/mathml', 'text/vnd.wap.wml', 'text/x-opml'].map(standardType));
const json = /^application\/json$|\+json$/;

/** Formats that are written in text, although their names are not of the text tree. */
const writtenInText = [
  /^application\/(?:andrew-inset|cwl|express|fdf|mathematica|postscript|relax-ng-compact-syntax|sdp|sieve|srgs|xfdf|yang)$/,
  /^application\/(?:pgp-|pkcs10$|pkcs7-|pkcs8$|pkix-|vnd\.google-apps\.|x-(?:font-(?:bdf|type1)|virtualbox-(?:ovf|vbox)|pkcs7-))/,
  /^application\/vnd\.(?:apple\.mpegurl|cups-ppd|hp-hpgl|intu\.q\w+|mif|ms-wpl|stepmania\.stepchart)$/,
  /^application\/x-(?:chess-pgn|gramps-xml|java-jnlp-file|makeself|nzb|research-info-systems|x509-ca-cert|xfig)$/,
  /^audio\/(?:x-mpegurl|x-ms-wax|x-pn-realaudio)$|^video\/(?:vnd\.mpegurl|x-ms-w[mv]x)$|^chemical\//,
  /^image\/(?:cgm|x-portable-\w+|x-xbitmap|x-xpixmap)$/,
  /^model\/(?:iges|mesh|mtl|obj|step|vnd\.(?:gdl|opengex|parasolid\.transmit\.text|usda)|vrml|x3d\W?vrml)$/,
];

/** Vendors' kinds of text with extensions that others use more. */
const rareText = /^text\/(?:prs\.|vnd\.(?:curl|dvb|fly|fmi|in3d)\b)/;

/**
 * Is content of this type, one of its extension's, written as this is? The registry has types for extensions that texts of other
 * kinds have too: `.res`, `.sub` and `.tpl` are seldom books, pictures or templates of a groupware.
 */
export function isWrittenAs({ contentType, form, hints }: DetectedContent, type: string): boolean {
  if (form !== 'text' || contentType === unknownType) return true;
  if ([contentType, ...hints].some((found) => isSameFormat(found, type))) return true;
  if (!isTextType(type)) return unreliable.has(type) || writtenInText.some((names) => names.test(type));
  if (json.test(type)) return !isTextType(contentType) || hints.includes('application/json');
  if (contentType !== plainText) return true;
  return xml.test(type) || xmlText.has(type) ? hints.includes('application/xml') : !rareText.test(type);
}

const callings = new Map<string, string[]>();
for (const { type, called } of formats) {
  callings.set(type, [...(callings.get(type) ?? []), ...wordsOf(called).map(standardType)]);
}

const registered = new Map<string, Set<string>>();
for (const [type, extensions] of Object.entries(mime.extensions)) {
  const name = standardType(type);
  registered.set(name, new Set([...(registered.get(name) ?? []), ...extensions]));
}

/** May the content be claimed to be `type`, although it is stored as another? The registry has both for one extension, or people do. */
export function mayBeClaimed({ contentType, form }: DetectedContent, type: string): boolean {
  if (callings.get(contentType)?.includes(type)) return true;
  if (form !== 'binary' || contentType === unknownType) return false;
  const extensions = registered.get(contentType);
  return [...(registered.get(type) ?? [])].some((extension) => extensions?.has(extension));
}
