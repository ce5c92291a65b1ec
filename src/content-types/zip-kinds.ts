import { isContainerOf, zip } from './content-formats.js';
import type { ContentSample } from './content-sample.js';
import { parseMediaType, standardType } from './content-type-names.js';
import { listEntries, readEntry, type ZipEntry } from './zip-archive.js';

/** Entries that say what the archive is, by the archive's type. Each pattern must be met by one. */
const telling: readonly [string, ...RegExp[]][] = [
  ['application/epub+zip', /^meta-inf\/container\.xml$/, /\.opf$/],
  ['application/vnd.android.package-archive', /^androidmanifest\.xml$/],
  ['application/appx', /^appxmanifest\.xml$/],
  ['application/x-xpinstall', /^meta-inf\/mozilla\.rsa$|^install\.rdf$/],
  ['application/java-archive', /^meta-inf\/manifest\.mf$/],
  ['application/vnd.google-earth.kmz', /^doc\.kml$/],
];

const office = 'application/vnd.openxmlformats-officedocument';

/** The main part of each kind of package by Office, if it has its usual name. */
const mainParts: readonly [RegExp, string][] = [
  [/^word\/document\d*\.xml$/, `${office}.wordprocessingml.document`],
  [/^xl\/workbook\d*\.xml$/, `${office}.spreadsheetml.sheet`],
  [/^xl\/workbook\d*\.bin$/, 'application/vnd.ms-excel.sheet.binary.macroenabled.12'],
  [/^ppt\/presentation\d*\.xml$/, `${office}.presentationml.presentation`],
  [/^visio\/document\d*\.xml$/, 'application/vnd.ms-visio.drawing'],
  [/^3d\/[^/]+\.model$/, 'model/3mf'],
  [/^fixeddoc(?:ument)?seq(?:uence)?\.fdseq$/, 'application/vnd.ms-xpsdocument'],
  [/^theme\/theme\/thememanager\.xml$/, 'application/vnd.ms-officetheme'],
];

/** Types of main parts that are named otherwise than the package. */
const otherParts: ReadonlyMap<string, string> = new Map([
  ['application/vnd.ms-package.3dmanufacturing-3dmodel+xml', 'model/3mf'],
  ['application/vnd.ms-package.xps-fixeddocumentsequence+xml', 'application/vnd.ms-xpsdocument'],
  [`${office}.thememanager+xml`, 'application/vnd.ms-officetheme'],
]);

const macros = /^(?:word|xl|ppt|visio)\/(?:vbaproject\.bin$|macrosheets\/)/;

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
    const type = packageType(await read('[content_types].xml'), entries);
    if (type !== null) return has(macros) ? withMacros(type) : type;
  }
  return telling.find(([, ...patterns]) => patterns.every(has))?.[0] ?? zip;
}

function decode(content: Buffer | null): string | null {
  if (content === null) return null;
  const isWide = content[0] === 0xff && content[1] === 0xfe;
  return content.toString(isWide ? 'utf16le' : 'utf8');
}

/** OpenDocument, EPUB and others say it in an entry of its own. */
function readMimetype(text: string | null): string | null {
  const type = text === null ? null : parseMediaType(text.slice(0, 256).trim());
  return type !== null && isContainerOf(zip, standardType(type)) ? standardType(type) : null;
}

function readManifest(text: string | null): string | null {
  const root = /<[\w:]*file-entry\b(?=[^>]*\bfull-path="\/")[^>]*\bmedia-type="([^"]+)"/.exec(text ?? '');
  return readMimetype(root?.[1] ?? null);
}

/** By the declared type of a part that is there; else by the usual names of main parts, if they are of one kind. */
function packageType(contentTypes: string | null, entries: readonly ZipEntry[]): string | null {
  const names = new Set(entries.map(({ name }) => name));
  const told = [...overridesOf(contentTypes ?? '')].flatMap(([part, type]) =>
    names.has(part) ? (typeOfMainPart(type) ?? []) : [],
  );
  const found =
    told.length > 0
      ? told
      : mainParts.filter(([part]) => [...names].some((name) => part.test(name))).map(([, type]) => type);
  const [type, ...others] = new Set(found);
  return others.length === 0 ? (type ?? null) : null;
}

/** Each part that the package declares, by its name and its type, both in lower case. */
function* overridesOf(contentTypes: string): Generator<[string, string]> {
  const elements = contentTypes.replace(/<!--.*?-->/gs, '').matchAll(/<(?:\w+:)?Override\s([^>]*)>/g);
  for (const [, attributes = ''] of elements) {
    const part = /\bPartName\s*=\s*["']\/?([^"']*)["']/.exec(attributes)?.[1];
    const type = /\bContentType\s*=\s*["']([^"']*)["']/.exec(attributes)?.[1];
    if (part !== undefined && type !== undefined) yield [part.toLowerCase(), type.trim().toLowerCase()];
  }
}

function typeOfMainPart(type: string): string | null {
  const other = otherParts.get(type);
  if (other !== undefined) return other;
  const main = /^(.*)\.main(?:\+xml)?$/.exec(type)?.[1];
  if (main === undefined) return null;
  const name = main.replace(/\.macroenabled(?:template)?$/, '.macroenabled.12');
  return isContainerOf(zip, name) ? name : null;
}

/** A package that brings macros along is of the type that may have them, whatever it says of itself. */
function withMacros(type: string): string {
  if (type.endsWith('.macroenabled.12')) return type;
  if (type.startsWith('application/vnd.ms-visio.')) return `${type}.macroenabled.12`;
  const [, kind, member] = /\.(wordprocessing|spreadsheet|presentation)ml\.(\w+)$/.exec(type) ?? [];
  const program = { wordprocessing: 'word', spreadsheet: 'excel', presentation: 'powerpoint' }[kind ?? ''];
  return program === undefined ? type : `application/vnd.ms-${program}.${member}.macroenabled.12`;
}
