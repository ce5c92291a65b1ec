import { fileTypeFromBuffer } from 'file-type';
import { detectCompoundFile } from './compound-file.js';
import { compoundFile, type DetectedContent, isSameFormat, zip } from './content-formats.js';
import { ContentSample, type ContentSource } from './content-sample.js';
import { parseMediaType, plainText, standardType, unknownType } from './content-type-names.js';
import { formats } from './formats.js';
import { type ReadText, readText } from './read-text.js';
import { hasMpegFrames, typeBehindTags } from './recognize-audio.js';
import { recognizeText } from './recognize-text.js';
import { detectZip } from './zip-kinds.js';

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
const signatures = formats.flatMap(({ type, begins }) => (begins ? [{ type, begins }] : []));

/** Formats with a short signature and bytes behind it that no text has. */
const neverText = new Set([
  'application/x-bzip2',
  'application/x-shockwave-flash',
  'image/bmp',
  'video/x-flv',
]);

/** Documents, although they may be written in text. */
const documents = new Set(['application/pdf', 'application/rtf']);
/** Readers look for its beginning so far. */
const pdfReach = 1024;

/** Says what a file is. Takes no name into account. Throws what reading it throws. */
export async function detectContentType(source: ContentSource): Promise<DetectedContent> {
  const sample = new ContentSample(source);
  const unknown = { contentType: unknownType, hints: [], inside: 'read', charset: null } as const;
  if (sample.size === 0) return { ...unknown, form: 'empty' };
  const text = readText(sample.head);
  const found = await findFormat(sample);
  if (text !== null && isText(text, found)) return describeText(sample, text, found);
  const { format, inside } = found;
  if (format !== null && found.isSure) return { ...unknown, contentType: format, form: 'binary', inside };
  const isSound = await hasMpegFrames(sample);
  return {
    ...unknown,
    form: 'binary',
    hints: [...hintsOf(sample, format), ...(isSound ? ['audio/mpeg'] : [])],
  };
}

interface FoundFormat {
  /** The standard name of the format whose signature the bytes begin with. */
  format: string | null;
  isSure: boolean;
  inside: DetectedContent['inside'];
}

async function findFormat(sample: ContentSample): Promise<FoundFormat> {
  const start = sample.head.toString('latin1');
  const signed =
    signatures.find(({ begins }) => begins.some((bytes) => beginsWith(start, bytes)))?.type ?? null;
  const sure = (format: string, inside: DetectedContent['inside'] = 'read') => ({
    format,
    isSure: true,
    inside,
  });
  if (signed === zip) {
    const type = await detectZip(sample);
    return sure(type ?? zip, type === null ? 'unread' : 'read');
  }
  if (signed === compoundFile) {
    const { type, inside } = await detectCompoundFile(sample);
    return sure(type, inside);
  }
  // Looking for a format inside would inflate it.
  if (signed === 'application/gzip') return sure(signed);
  const sound = await typeBehindTags(sample);
  if (sound !== null) return sure(sound);
  const found = await fileTypeFromBuffer(sample.head).catch(() => undefined);
  const format = found ? standardType(parseMediaType(found.mime) ?? unknownType) : null;
  const isRefined = signed !== null && format !== null && isSameFormat(signed, format);
  if (signed !== null && !isRefined) return sure(signed);
  if (format !== null && !weakFormats.has(format)) return sure(format);
  if (start.trimStart().startsWith('%PDF-')) return sure('application/pdf');
  return { format, isSure: false, inside: 'read' };
}

const anyByte = '?';

function beginsWith(start: string, bytes: string): boolean {
  if (!bytes.includes(anyByte)) return start.startsWith(bytes);
  return (
    start.length >= bytes.length && [...bytes].every((byte, at) => byte === anyByte || byte === start[at])
  );
}

/** Signatures of a few letters begin texts too. A binary file has other bytes behind them. */
function isText(text: ReadText, { format, isSure }: FoundFormat): boolean {
  return text.isSure || !isSure || (text.isPlain && format !== null && !documents.has(format));
}

/** Bytes that only a name can tell to be text are of no type by themselves. */
function describeText(
  sample: ContentSample,
  { text, ...read }: ReadText,
  found: FoundFormat,
): DetectedContent {
  const format = found.isSure && !neverText.has(found.format ?? '') ? found.format : null;
  const contentType = recognizeText(text) ?? (read.isSure ? plainText : (format ?? unknownType));
  const hints = hintsOf(sample, found.isSure || read.isSure ? format : found.format);
  if (documents.has(contentType))
    return { contentType, form: 'binary', hints, inside: 'read', charset: null };
  const charset = read.charset === 'utf-8' && !sample.isUtf8 ? null : read.charset;
  return { contentType, form: 'text', hints: [...hints, ...syntaxOf(text)], inside: 'read', charset };
}

/** The syntax that a text may be of, by its first character. */
function syntaxOf(text: string): string[] {
  const [first = ''] = text.trimStart();
  if (first === '<') return ['application/xml'];
  return /[[{"\d-]/.test(first) ? ['application/json'] : [];
}

function hintsOf({ head }: ContentSample, format: string | null): string[] {
  const hasPdf = head.subarray(0, pdfReach + '%PDF-'.length).includes('%PDF-');
  return [...(format === null ? [] : [format]), ...(hasPdf ? ['application/pdf'] : [])];
}
