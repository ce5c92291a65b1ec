import type { ContentSample } from './content-sample.js';

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
export async function typeBehindTags(sample: ContentSample): Promise<string | null> {
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
export async function hasMpegFrames(sample: ContentSample): Promise<boolean> {
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
