import { fileTypeFromBuffer } from 'file-type';
import { compoundFile, encryptedPackage, zip } from './content-formats.js';
import { parseMediaType, plainText, standardType, unknownType } from './content-type-names.js';
import { readEightBitText, readText, recognizeText } from './recognize-text.js';

/** The result of looking at the first bytes of a file. */
export interface DetectedContent {
  /** The standard name of the format found; else text/plain, or application/octet-stream where nothing is known. */
  contentType: string;
  form: 'empty' | 'text' | 'binary';
  /** A format that too little speaks for to believe it, unless the name or the client says it too. */
  hint: string | null;
  /** The first entry of a ZIP archive, or the stream that tells the kind of a compound file; null where that cannot be read. */
  inside: string | null;
}

/** Formats known by so few bytes that chance, or other formats, bring them about. */
const weakFormats = new Set(
  [
    'application/x-apple-diskimage',
    'application/x-arj',
    'application/x-compress',
    'application/x-cpio',
    'audio/aac',
    'audio/mpeg',
    'audio/vnd.dolby.dd-raw',
    'font/ttf',
    'image/jxl',
    'image/x-icon',
    'video/mpeg',
  ].map(standardType),
);

/** Signatures that hold where what follows is not as it should be, or not within reach. */
const signatures: readonly [string, string][] = [
  ['\x1f\x8b\x08', 'application/gzip'],
  ['\x89PNG\r\n\x1a\n', 'image/png'],
  ['II*\0', 'image/tiff'],
  ['MM\0*', 'image/tiff'],
  ['ID3\x02', 'audio/mpeg'],
  ['ID3\x03', 'audio/mpeg'],
  ['ID3\x04', 'audio/mpeg'],
  ['\x04%!PS', 'application/postscript'],
];

/** Documents, although they may be written in text. */
const documents = new Set(['application/pdf', 'application/rtf']);

/** Says what the file with these first 4 KiB is; `head` is all of it where there is less. Takes no name into account. */
export async function detectContentType(head: Uint8Array): Promise<DetectedContent> {
  if (head.length === 0) return { contentType: unknownType, form: 'empty', hint: null, inside: null };
  const { format, isSure } = await findFormat(head);
  const text = readText(head);
  if (text !== null) {
    const contentType = recognizeText(text) ?? plainText;
    const form = documents.has(contentType) ? 'binary' : 'text';
    return { contentType, form, hint: isSure ? format : null, inside: null };
  }
  if (isSure) return { contentType: format, form: 'binary', hint: null, inside: lookInside(format, head) };
  return { ...describeUnknown(head), hint: format, inside: null };
}

type FoundFormat = { format: string; isSure: true } | { format: string | null; isSure: false };

/** The standard name of the format whose signature the bytes begin with. */
async function findFormat(head: Uint8Array): Promise<FoundFormat> {
  const start = Buffer.from(head).toString('latin1');
  const signed = signatures.find(([signature]) => start.startsWith(signature))?.[1];
  // Looking for a format inside would inflate it.
  if (signed === 'application/gzip') return { format: signed, isSure: true };
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  const format = found ? standardType(parseMediaType(found.mime) ?? unknownType) : null;
  if (format !== null && !weakFormats.has(format)) return { format, isSure: true };
  if (signed) return { format: signed, isSure: true };
  if (start.trimStart().startsWith('%PDF-')) return { format: 'application/pdf', isSure: true };
  return { format, isSure: false };
}

/** Bytes of no known format may still be text in one of the old encodings; only a name can tell. */
function describeUnknown(head: Uint8Array): Pick<DetectedContent, 'contentType' | 'form'> {
  const text = readEightBitText(head);
  if (text === null) return { contentType: unknownType, form: 'binary' };
  return { contentType: recognizeText(text) ?? unknownType, form: 'text' };
}

function lookInside(format: string, head: Uint8Array): string | null {
  const bytes = Buffer.from(head);
  if (format === zip) return firstZipEntry(bytes);
  return format === compoundFile && bytes.includes(encryptedPackage, 0, 'utf16le') ? encryptedPackage : null;
}

/** From the first local file header: the length of the name at 26, the name at 30. */
function firstZipEntry(head: Buffer): string | null {
  if (head.length < 30) return null;
  const end = 30 + head.readUInt16LE(26);
  return end === 30 || end > head.length ? null : head.toString('utf8', 30, end);
}
