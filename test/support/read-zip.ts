import { crc32, inflateRawSync } from 'node:zlib';

export interface ZipFile {
  name: string;
  isDeflated: boolean;
  content: Buffer;
}

const endSignature = 0x06054b50;
const endLength = 22;

/** The files of a ZIP, as its directory lists them. Throws without a directory, and for content that is not what that says. */
export function readZip(zip: Buffer): ZipFile[] {
  const end = zip.length - endLength;
  if (end < 0 || zip.readUInt32LE(end) !== endSignature) throw new Error('The ZIP has no end.');
  const files: ZipFile[] = [];
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [nameLength, extraLength] = [zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30)];
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    files.push(readFile(zip, at, name));
    at += 46 + nameLength + extraLength;
  }
  return files;
}

function readFile(zip: Buffer, at: number, name: string): ZipFile {
  const header = zip.readUInt32LE(at + 42);
  const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
  const stored = zip.subarray(start, start + zip.readUInt32LE(at + 20));
  const isDeflated = zip.readUInt16LE(at + 10) === 8;
  const content = isDeflated ? inflateRawSync(stored) : stored;
  if (crc32(content) !== zip.readUInt32LE(at + 16)) throw new Error(`${name} has another checksum.`);
  if (content.length !== zip.readUInt32LE(at + 24)) throw new Error(`${name} has another size.`);
  return { name, isDeflated, content };
}
