import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import type { ContentSample } from './content-sample.js';

export interface ZipEntry {
  /** In lower case, as Office compares them. */
  name: string;
  isDeflated: boolean;
  /** As stored, in bytes. */
  size: number;
  /** The place of its local header. */
  offset: number;
}

const inflate = promisify(inflateRaw);

/** A signature, its fields, and a comment of at most 64 KiB. */
const maxEnd = 22 + 0xffff;
const usualEnd = 4096;
const maxDirectory = 1024 * 1024;
const maxEntries = 16_384;
/** The part of an entry that is inflated. */
const maxPart = { stored: 256 * 1024, inflated: 1024 * 1024 };
const unknown32 = 0xffffffff;

/**
 * The entries of an archive by its central directory, as far as that lies within bounds; by the headers before its entries, if there
 * is no directory. Null if neither can be read.
 */
export async function listEntries(sample: ContentSample): Promise<ZipEntry[] | null> {
  const directory = await readDirectory(sample);
  if (directory !== null) return directory;
  const entries = [...readLocalHeaders(sample.head)];
  return entries.length > 0 ? entries : null;
}

/** The content of an entry; null if that is more than `maxPart`, or damaged. */
export async function readEntry(sample: ContentSample, entry: ZipEntry): Promise<Buffer | null> {
  if (entry.size > maxPart.stored) return null;
  const header = await sample.bytes(entry.offset, 30);
  if (header === null || header.length < 30 || header.toString('latin1', 0, 4) !== 'PK\x03\x04') return null;
  const start = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const stored = await sample.bytes(start, entry.size);
  if (stored === null || stored.length < entry.size) return null;
  if (!entry.isDeflated) return stored;
  return inflate(stored, { maxOutputLength: maxPart.inflated }).catch(() => null);
}

async function readDirectory(sample: ContentSample): Promise<ZipEntry[] | null> {
  for (const length of [usualEnd, maxEnd]) {
    const start = Math.max(0, sample.size - length);
    const tail = await sample.bytes(start, length);
    const at = tail === null ? null : findEnd(tail);
    if (tail !== null && at !== null) return readFrom(sample, start + at, tail.subarray(at));
  }
  return null;
}

/** The last record whose comment ends with the archive; else the last one, with something behind it. */
function findEnd(tail: Buffer): number | null {
  const places: number[] = [];
  for (let at = tail.length - 22; at >= 0; at -= 1) {
    at = tail.lastIndexOf('PK\x05\x06', at, 'latin1');
    if (at === -1) break;
    if (at + 22 + tail.readUInt16LE(at + 20) === tail.length) return at;
    places.push(at);
  }
  return places[0] ?? null;
}

/** The directory that the record at its end, at `at`, names. */
async function readFrom(sample: ContentSample, at: number, end: Buffer): Promise<ZipEntry[] | null> {
  const place = { size: end.readUInt32LE(12), offset: end.readUInt32LE(16), end: at };
  const isLarge = place.offset === unknown32 || place.size === unknown32 || end.readUInt16LE(10) === 0xffff;
  const { size, offset, end: directoryEnd } = (isLarge && (await readLargeEnd(sample, at))) || place;
  if (size === 0) return end.readUInt16LE(10) === 0 ? [] : null;
  // Something may stand before the archive, which no offset counts.
  const shift = directoryEnd - size - offset;
  const isShifted = shift > 0 && (await startsEntry(sample, offset + shift));
  const start = isShifted ? offset + shift : offset;
  const records = await sample.bytes(start, Math.min(size, maxDirectory));
  if (records === null) return null;
  const entries = [...readRecords(records, isShifted ? shift : 0)];
  return entries.length > 0 ? entries : null;
}

async function startsEntry(sample: ContentSample, at: number): Promise<boolean> {
  return (await sample.bytes(at, 4))?.toString('latin1') === 'PK\x01\x02';
}

/** The place of the directory of a ZIP64 archive. */
async function readLargeEnd(sample: ContentSample, at: number) {
  const locator = await sample.bytes(at - 20, 20);
  if (locator?.length !== 20 || locator.toString('latin1', 0, 4) !== 'PK\x06\x07') return null;
  const end = Number(locator.readBigUInt64LE(8));
  const record = await sample.bytes(end, 56);
  if (record?.length !== 56 || record.toString('latin1', 0, 4) !== 'PK\x06\x06') return null;
  return { size: Number(record.readBigUInt64LE(40)), offset: Number(record.readBigUInt64LE(48)), end };
}

/** Some writers separate folders as Windows does, or begin at the root. */
const toPath = (name: string): string => name.toLowerCase().replaceAll('\\', '/').replace(/^\/+/, '');

function* readRecords(records: Buffer, shift: number): Generator<ZipEntry> {
  let at = 0;
  for (let count = 0; count < maxEntries && at + 46 <= records.length; count++) {
    if (records.toString('latin1', at, at + 4) !== 'PK\x01\x02') return;
    const nameEnd = at + 46 + records.readUInt16LE(at + 28);
    const extraEnd = nameEnd + records.readUInt16LE(at + 30);
    if (nameEnd > records.length) return;
    const size = records.readUInt32LE(at + 20);
    const offset = records.readUInt32LE(at + 42);
    const isLarge = size === unknown32 || offset === unknown32;
    const large = isLarge
      ? readLargeFields(records.subarray(nameEnd, extraEnd), records, at)
      : { size, offset };
    yield {
      name: toPath(records.toString('utf8', at + 46, nameEnd)),
      isDeflated: records.readUInt16LE(at + 10) === 8,
      size: large.size,
      offset: large.offset + shift,
    };
    at = extraEnd + records.readUInt16LE(at + 32);
  }
}

/** Sizes and the offset that do not fit into 32 bits stand behind the name, in this order, those that do are left out. */
function readLargeFields(extra: Buffer, records: Buffer, at: number): { size: number; offset: number } {
  const fields: Buffer[] = [];
  for (let field = 0; field + 4 <= extra.length; field += 4 + extra.readUInt16LE(field + 2)) {
    if (extra.readUInt16LE(field) === 1)
      fields.push(extra.subarray(field + 4, field + 4 + extra.readUInt16LE(field + 2)));
  }
  const large = fields[0] ?? Buffer.alloc(0);
  let next = 0;
  const [, size = unknown32, offset = unknown32] = [24, 20, 42].map((place) => {
    const value = records.readUInt32LE(at + place);
    if (value !== unknown32 || next + 8 > large.length) return value;
    next += 8;
    return Number(large.readBigUInt64LE(next - 8));
  });
  return { size, offset };
}

/** Entries at the beginning of an archive that is cut off, up to one whose size is told only behind it. */
function* readLocalHeaders(head: Buffer): Generator<ZipEntry> {
  let at = 0;
  while (at + 30 <= head.length && head.toString('latin1', at, at + 4) === 'PK\x03\x04') {
    const nameEnd = at + 30 + head.readUInt16LE(at + 26);
    const size = head.readUInt32LE(at + 18);
    if (nameEnd === at + 30 || nameEnd > head.length) return;
    const name = toPath(head.toString('utf8', at + 30, nameEnd));
    yield { name, isDeflated: head.readUInt16LE(at + 8) === 8, size, offset: at };
    if ((head.readUInt16LE(at + 6) & 8) !== 0) return;
    at = nameEnd + head.readUInt16LE(at + 28) + size;
  }
}
