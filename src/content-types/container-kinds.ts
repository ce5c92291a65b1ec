import { compoundFile, isContainerOf, isOpenPackage, zip } from './content-formats.js';
import type { ContentSample } from './content-sample.js';
import { formats } from './formats.js';
import { isKnownType, isTextType, parseMediaType, standardType } from './media-types.js';
import { elementsOf, typeOfPackage } from './office-packages.js';
import { listEntries, readEntry } from './zip-archive.js';

/** Sectors of the directory that are looked at: 256 entries in a usual file. */
const maxSectors = 64;
/** Tables of sectors that are followed to find one. */
const maxTables = 64;
const entrySize = 128;
const root = 5;
const inHeader = 109;

/** The name of the stream that holds a document under a password. */
const encryptedPackage = 'EncryptedPackage';

const kinds = formats.flatMap(({ type, seen }) => (seen ? [{ type, seen }] : []));

export interface CompoundKind {
  /** application/x-cfb if the inside tells no more. */
  type: string;
  inside: 'read' | 'unread' | 'encrypted';
}

/** The kind of a compound file by the names in its root; by names at its beginning, if its root cannot be read. */
export async function detectCompoundFile(sample: ContentSample): Promise<CompoundKind> {
  const names = await readRootNames(sample);
  if (names?.includes(encryptedPackage)) return { type: compoundFile, inside: 'encrypted' };
  const found = kinds.find(({ seen }) => names?.some((name) => seen.some((one) => isNamed(name, one))));
  if (found) return { type: found.type, inside: 'read' };
  return { type: compoundFile, inside: names === null ? 'unread' : 'read' };
}

function isNamed(name: string, pattern: string): boolean {
  // Names of a compound file are the same in capitals.
  const [one, other] = [name.toLowerCase(), pattern.toLowerCase()];
  return other.endsWith('*') ? one.startsWith(other.slice(0, -1)) : one === other;
}

async function readRootNames(sample: ContentSample): Promise<string[] | null> {
  const header = await sample.bytes(0, 512);
  if (header === null || header.length < 512) return null;
  const shift = header.readUInt16LE(30);
  if (shift !== 9 && shift !== 12) return null;
  const file = new Sectors(sample, header, 2 ** shift);
  const directory = await file.chain(header.readUInt32LE(48));
  if (directory.length < entrySize || directory[66] !== root) return null;
  return [...childrenOf(directory, directory.readUInt32LE(76))];
}

/** The names in the root: a tree, of which no entry is visited twice. */
function* childrenOf(directory: Buffer, child: number): Generator<string> {
  const open = [child];
  const visited = new Set<number>();
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    const at = index * entrySize;
    if (visited.has(index) || at + entrySize > directory.length) continue;
    visited.add(index);
    const length = Math.min(64, directory.readUInt16LE(at + 64)) - 2;
    yield directory.toString('utf16le', at, at + Math.max(0, length));
    open.push(directory.readUInt32LE(at + 68), directory.readUInt32LE(at + 72));
  }
}

/** Sectors of a compound file, and which one follows which. */
class Sectors {
  readonly #sample: ContentSample;
  readonly #header: Buffer;
  readonly #size: number;

  constructor(sample: ContentSample, header: Buffer, size: number) {
    this.#sample = sample;
    this.#header = header;
    this.#size = size;
  }

  /** The bytes of the sectors from `first` on, as far as they can be followed. */
  async chain(first: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    const visited = new Set<number>();
    let sector: number | null = first;
    while (sector !== null && !visited.has(sector) && visited.size < maxSectors) {
      visited.add(sector);
      const part = await this.#read(sector);
      if (part === null) break;
      parts.push(part);
      sector = await this.#next(sector);
    }
    return Buffer.concat(parts);
  }

  /** Null for what is no sector of the file. */
  async #read(sector: number): Promise<Buffer | null> {
    const part = await this.#sample.bytes((sector + 1) * this.#size, this.#size);
    return part?.length === this.#size ? part : null;
  }

  async #next(sector: number): Promise<number | null> {
    const perTable = this.#size / 4;
    const place = await this.#tableOf(Math.floor(sector / perTable));
    const table = place === null ? null : await this.#read(place);
    return table?.readUInt32LE((sector % perTable) * 4) ?? null;
  }

  /** The sector of the table with this number. The first 109 stand in the header, others in a list of sectors. */
  async #tableOf(number: number): Promise<number | null> {
    if (number < inHeader) return this.#header.readUInt32LE(76 + number * 4);
    const perList = this.#size / 4 - 1;
    const position = number - inHeader;
    let list = await this.#read(this.#header.readUInt32LE(68));
    for (let skipped = Math.floor(position / perList); skipped > 0 && list !== null; skipped--) {
      if (skipped > maxTables) return null;
      list = await this.#read(list.readUInt32LE(perList * 4));
    }
    return list?.readUInt32LE((position % perList) * 4) ?? null;
  }
}

/** Entries that say what the archive is, by the archive's type. Each pattern must be met by one. */
const telling: readonly [string, ...RegExp[]][] = [
  ['application/epub+zip', /^meta-inf\/container\.xml$/, /\.opf$/],
  ['application/vnd.android.package-archive', /^androidmanifest\.xml$/],
  ['application/appx', /^appxmanifest\.xml$/],
  ['application/x-xpinstall', /^meta-inf\/mozilla\.rsa$|^install\.rdf$/],
  ['application/java-archive', /^meta-inf\/manifest\.mf$/],
  ['application/vnd.google-earth.kmz', /^doc\.kml$/],
];

/** The type of an archive by its inside: application/zip if that tells no more, null if it cannot be read. */
export async function detectZip(sample: ContentSample): Promise<string | null> {
  const entries = await listEntries(sample);
  if (entries === null) return null;
  const read = async (name: string) => {
    const found = entries.filter((entry) => entry.name === name);
    // Two of one name: programs differ about which one counts.
    return found.length === 1 && found[0] ? decode(await readEntry(sample, found[0])) : null;
  };
  const told = readMimetype(await read('mimetype')) ?? readManifest(await read('meta-inf/manifest.xml'));
  if (told !== null) return told;
  const has = (pattern: RegExp) => entries.some(({ name }) => pattern.test(name));
  if (has(/^\[content_types\]\.xml$/)) {
    const names = new Set(entries.map(({ name }) => name));
    const type = typeOfPackage((await read('[content_types].xml')) ?? '', names);
    if (type !== null) return type;
  }
  return telling.find(([, ...patterns]) => patterns.every(has))?.[0] ?? zip;
}

function decode(content: Buffer | null): string | null {
  if (content === null) return null;
  const isWide = content[0] === 0xff && content[1] === 0xfe;
  return content.toString(isWide ? 'utf16le' : 'utf8');
}

/**
 * OpenDocument, EPUB and others say it in an entry of its own: perhaps a type that nobody has registered, but of applications, and no
 * text, for which no archive is to be taken. Programs of Office look for no such entry, and go by the parts that are there.
 */
function readMimetype(text: string | null): string | null {
  const type = standardType(parseMediaType((text ?? '').slice(0, 256).trim()) ?? '');
  if (!isContainerOf(zip, type) || isOpenPackage(type) || isTextType(type)) return null;
  return type.startsWith('application/') || isKnownType(type) ? type : null;
}

function readManifest(text: string | null): string | null {
  const root = [...elementsOf(text ?? '', 'file-entry')].find((element) => /\bfull-path="\/"/.test(element));
  return readMimetype(/\bmedia-type="([^"]+)"/.exec(root ?? '')?.[1] ?? null);
}
