import { supportedMimeTypes } from 'file-type';
import { isTextType, standardType } from './content-type-names.js';

/** Formats that share their first bytes, or are commonly taken for one another. */
const lookalikes = [
  ['application/postscript', 'application/eps', 'image/x-eps'],
  ['application/x-mobipocket-ebook', 'application/vnd.amazon.ebook', 'application/vnd.palm', 'model/prc'],
  ['application/vnd.rn-realmedia', 'application/vnd.rn-realmedia-vbr', 'audio/x-pn-realaudio'],
  ['application/ogg', 'audio/ogg', 'audio/opus', 'video/ogg'],
  ['audio/aac', 'audio/mpeg'],
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

/** The name of the stream that holds a document under a password, inside a compound file. */
export const encryptedPackage = 'EncryptedPackage';

const openPackage =
  /officedocument\.|macroenabled|ms-excel\.sheet\.binary|vnd\.visio$|xpsdocument$|\/oxps$|\/3mf$/;

/** Types that are ZIP archives and, if it is known, the name of such an archive's first entry. */
const zipMembers: readonly { types: RegExp; firstEntry: RegExp }[] = [
  {
    types: openPackage,
    firstEntry:
      /^(?:\[content_types\]|_rels|docprops|word|xl|ppt|visio|customxml|3d|metadata|documents|fixeddoc)/i,
  },
  {
    types: /oasis\.opendocument\.(?!.*flat)/,
    firstEntry:
      /^(?:mimetype|meta-inf|content|styles|meta|settings|thumbnails|pictures|configurations2|object)/i,
  },
  { types: /\/epub\+zip$/, firstEntry: /^(?:mimetype|meta-inf|oebps|ops|epub)/i },
  {
    types: /\+zip$|java-archive$|android\.package-archive$|xpinstall$|vnd\.apple\.(?:keynote|numbers|pages)$/,
    firstEntry: /^/,
  },
];

const compoundFileMembers =
  /\/msword$|vnd\.ms-(?:excel|outlook|powerpoint|project|works)$|vnd\.visio$|mspublisher$|x-msi$/;

/** Formats that others are made of: what has no signature of its own may well be one of these. */
const containers = new Set([
  zip,
  compoundFile,
  'application/gzip',
  'application/java-archive',
  'application/x-tar',
  'video/mp4',
]);

/** Signatures that a file of the type often lacks, or that say too little. */
const unreliableSignatures = [
  'application/pgp-encrypted',
  'application/x-apple-diskimage',
  'application/x-blender',
  'application/x-cpio',
  'application/x-ms-regedit',
  'application/x-msdownload',
  'model/stl',
  'video/mp2t',
];

const signatures = new Set(
  [
    ...Array.from(supportedMimeTypes, (type) => type.toLowerCase().replace(/;.*/, '')),
    ...lookalikes.flat(),
  ].map(standardType),
);
for (const type of unreliableSignatures) signatures.delete(type);

/** Must content of this type begin with bytes that are known? */
export function hasSignature(type: string): boolean {
  return !isTextType(type) && (signatures.has(type) || isZipMember(type) || compoundFileMembers.test(type));
}

export function isSameFormat(one: string, other: string): boolean {
  return one === other || groupOf.get(one)?.includes(other) === true;
}

/** Is every file of the one type also one of the other, more general type? */
export function isContainerOf(container: string, type: string): boolean {
  if (container === zip) return isZipMember(type);
  if (container === compoundFile) return compoundFileMembers.test(type);
  return container === 'application/xml' && type.endsWith('+xml');
}

/** May a container with this inside be of the type? `inside` is as in DetectedContent. */
export function mayHold(container: string, inside: string | null, type: string): boolean {
  if (!containers.has(container)) return false;
  if (container === zip) {
    const member = zipMembers.find(({ types }) => types.test(type));
    if (member) return inside === null || member.firstEntry.test(inside);
  }
  if (container === compoundFile) {
    if (openPackage.test(type) && inside === encryptedPackage) return true;
    if (compoundFileMembers.test(type)) return true;
  }
  return !hasSignature(type);
}

function isZipMember(type: string): boolean {
  return zipMembers.some(({ types }) => types.test(type));
}
