import { detectCompoundFile, detectZip } from './container-kinds.js';
import { compoundFile, type DetectedContent, isSameFormat, zip } from './content-formats.js';
import { ContentSample, type ContentSource } from './content-sample.js';
import { formats } from './formats.js';
import { parseMediaType, plainText, standardType, unknownType } from './media-types.js';
import { SignatureParser } from './signature-parser.js';
import { type ReadText, readText, recognizeText } from './text-content.js';

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

/** In a signature: whatever is there. */
const anyByte = '?';

interface Signature {
  type: string;
  first: string;
  bytes: string;
  hasGaps: boolean;
}

/** Signatures that hold where what follows is not as it should be, or not within reach. */
const signatures: readonly Signature[] = formats.flatMap(({ type, begins = [] }) =>
  begins.map((bytes) => ({ type, first: bytes.charAt(0), bytes, hasGaps: bytes.includes(anyByte) })),
);

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
  const signed = signatures.find((signature) => beginsWith(start, signature))?.type ?? null;
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
  // Content that the package fails on is of no format that it knows.
  const found = await new SignatureParser().fromBuffer(sample.head).catch(() => undefined);
  const format = found ? standardType(parseMediaType(found.mime) ?? unknownType) : null;
  const isRefined = signed !== null && format !== null && isSameFormat(signed, format);
  if (signed !== null && !isRefined) return sure(signed);
  if (format !== null && !weakFormats.has(format)) return sure(format);
  if (start.trimStart().startsWith('%PDF-')) return sure('application/pdf');
  return { format, isSure: false, inside: 'read' };
}

function beginsWith(start: string, { first, bytes, hasGaps }: Signature): boolean {
  if (first !== anyByte && first !== start[0]) return false;
  if (!hasGaps) return start.startsWith(bytes);
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

/** Formats that may begin with the tags of MP3. */
const tagged: readonly [RegExp, string][] = [
  [/^fLaC/, 'audio/flac'],
  [/^FORM.{4}AIF[FC]/s, 'audio/aiff'],
  [/^MAC /, 'audio/ape'],
  [/^RIFF.{4}WAVE/s, 'audio/wav'],
  [/^wvpk/, 'audio/wavpack'],
  [/^OggS/, 'audio/ogg'],
  [/^MPCK|^MP\+/, 'audio/x-musepack'],
];
const maxTags = 4;

/** The format of sound that begins with an ID3 tag; null if it does not. */
async function typeBehindTags(sample: ContentSample): Promise<string | null> {
  let at = 0;
  for (let count = 0; count < maxTags; count++) {
    const size = tagSize(await sample.bytes(at, 10));
    if (size === null) break;
    at += size;
  }
  if (at === 0) return null;
  const start = (await sample.bytes(at, 16))?.toString('latin1') ?? '';
  return tagged.find(([signature]) => signature.test(start))?.[1] ?? 'audio/mpeg';
}

/** Four times seven bits, and a footer of ten bytes if a flag says so. */
function tagSize(header: Buffer | null): number | null {
  if (header === null || header.length < 10 || header.toString('latin1', 0, 3) !== 'ID3') return null;
  const version = header[3] ?? 0;
  if (version < 2 || version > 4) return null;
  const size = header.subarray(6, 10).reduce((sum, byte) => sum * 128 + (byte & 0x7f), 0);
  return 10 + size + ((header[5] ?? 0) & 0x10 ? 10 : 0);
}

/** Bytes before the first frame that are looked through, where all of them are zero. */
const maxPadding = 64 * 1024;

/** Are there two frames of MPEG audio, one behind the other, or one at the end, whatever comes before them? */
async function hasMpegFrames(sample: ContentSample): Promise<boolean> {
  const { head } = sample;
  const isPadding = head.length < sample.size && head.every((byte) => byte === 0);
  const bytes = isPadding ? await sample.bytes(0, maxPadding) : head;
  if (bytes === null) return false;
  for (let at = bytes.indexOf(0xff); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const length = frameLength(bytes, at);
    if (length === null) continue;
    if (at + length === sample.size || isSameStream(bytes, at, at + length)) return true;
  }
  return false;
}

/** In kbit/s: of the first version by layer 1 to 3, then of the others by layer 1, and 2 or 3. */
const rates = [
  '32 64 96 128 160 192 224 256 288 320 352 384 416 448',
  '32 48 56 64 80 96 112 128 160 192 224 256 320 384',
  '32 40 48 56 64 80 96 112 128 160 192 224 256 320',
  '32 48 56 64 80 96 112 128 144 160 176 192 224 256',
  '8 16 24 32 40 48 56 64 80 96 112 128 144 160',
].map((row) => row.split(' ').map(Number));
const frequencies = [44_100, 48_000, 32_000];

/** In bytes, by the four that begin a frame; null where none begins. */
function frameLength(bytes: Buffer, at: number): number | null {
  const [, second = 0, third = 0] = bytes.subarray(at, at + 4);
  const version = (second >> 3) & 3;
  const layer = 4 - ((second >> 1) & 3);
  if (at + 4 > bytes.length || (second & 0xe0) !== 0xe0 || version === 1 || layer === 4) return null;
  const isFirst = version === 3;
  const table = isFirst ? layer - 1 : layer === 1 ? 3 : 4;
  const rate = rates[table]?.[(third >> 4) - 1];
  const frequency = frequencies[(third >> 2) & 3];
  if (rate === undefined || frequency === undefined) return null;
  const padding = (third >> 1) & 1;
  const perSecond = frequency / (isFirst ? 1 : version === 2 ? 2 : 4);
  if (layer === 1) return (Math.floor((12_000 * rate) / perSecond) + padding) * 4;
  return Math.floor(((!isFirst && layer === 3 ? 72_000 : 144_000) * rate) / perSecond) + padding;
}

/** A frame of the same version and layer begins at `next`. */
function isSameStream(bytes: Buffer, at: number, next: number): boolean {
  const isAlike = bytes[next] === 0xff && ((bytes[next + 1] ?? 0) & 0xfe) === ((bytes[at + 1] ?? 0) & 0xfe);
  return isAlike && frameLength(bytes, next) !== null;
}
