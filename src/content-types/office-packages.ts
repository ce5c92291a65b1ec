import { isContainerOf, zip } from './content-formats.js';
import { isKnownType, standardType } from './media-types.js';

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

/** Parts that have macros, by their usual names, and the types that parts of any name then have. */
const macros = /^(?:word|xl|ppt|visio)\/(?:vbaproject\.bin$|macrosheets\/)/;
const macroTypes = /^application\/vnd\.ms-(?:office\.vbaproject|excel\.(?:intl)?macrosheet(?:\+xml)?)$/;

/**
 * The type of a package by its content types, as text, and the names of its parts, in lower case. One with macros is of the type that
 * may have them, whatever it says of itself. Null if it is of no kind that Office knows, or of several.
 */
export function typeOfPackage(contentTypes: string, names: ReadonlySet<string>): string | null {
  const overrides = [...declaredTypes(contentTypes, 'Override', 'PartName')];
  const told = overrides.flatMap(([part, type]) => (names.has(part) ? (typeOfMainPart(type) ?? []) : []));
  // By the declared type of a part that is there; else by the usual names of main parts, if they are of one kind.
  const found =
    told.length > 0
      ? told
      : mainParts.filter(([part]) => [...names].some((name) => part.test(name))).map(([, type]) => type);
  const [type = null, ...others] = new Set(found);
  if (type === null || others.length > 0) return null;
  const defaults = [...declaredTypes(contentTypes, 'Default', 'Extension')];
  return hasMacros(names, overrides, defaults) ? withMacros(type) : type;
}

/** A name, or the extension of names, and the type that is declared for it. */
type Declared = [string, string];

function hasMacros(
  names: ReadonlySet<string>,
  overrides: readonly Declared[],
  defaults: readonly Declared[],
): boolean {
  const declared = overrides.filter(([part]) => names.has(part));
  if (declared.some(([, type]) => macroTypes.test(type))) return true;
  const overridden = new Set(declared.map(([part]) => part));
  const extensions = new Set(defaults.filter(([, type]) => macroTypes.test(type)).map(([one]) => one));
  const isTyped = (name: string) =>
    extensions.has(name.slice(name.lastIndexOf('.') + 1)) && !overridden.has(name);
  return [...names].some((name) => macros.test(name) || isTyped(name));
}

/** Declarations of the content types, in lower case. Texts of more than 255 characters are no types. */
function* declaredTypes(contentTypes: string, element: string, attribute: string): Generator<Declared> {
  const named = new RegExp(`\\b${attribute}\\s*=\\s*["']\\/?([^"']*)["']`);
  for (const tag of elementsOf(contentTypes, element)) {
    const name = named.exec(tag)?.[1];
    const type = /\bContentType\s*=\s*["']([^"']{1,255})["']/.exec(tag)?.[1];
    if (name !== undefined && type !== undefined) yield [name.toLowerCase(), type.trim().toLowerCase()];
  }
}

/**
 * The tag of each element of this name, whatever its prefix, outside of comments. Looks at each character once, as no pattern for the
 * whole text would: a hostile entry opens a hundred thousand tags that never end.
 */
export function* elementsOf(xml: string, name: string): Generator<string> {
  const named = new RegExp(`^<(?:\\w+:)?${name}\\s`);
  for (let at = xml.indexOf('<'); at !== -1; ) {
    const [open, close] = xml.startsWith('<!--', at) ? ['<!--', '-->'] : ['<', '>'];
    const end = xml.indexOf(close, at + open.length);
    if (end === -1) return;
    const tag = xml.slice(at, end);
    if (named.test(tag)) yield tag;
    at = xml.indexOf('<', end);
  }
}

/** One that there is: any text can be declared, and what is stored as a type goes into headers. */
function typeOfMainPart(type: string): string | null {
  const other = otherParts.get(type);
  if (other !== undefined) return other;
  const main = /^(.*)\.main(?:\+xml)?$/.exec(type)?.[1];
  if (main === undefined) return null;
  const name = standardType(main.replace(/\.macroenabled(?:template)?$/, '.macroenabled.12'));
  return isContainerOf(zip, name) && isKnownType(name) ? name : null;
}

/** A package that brings macros along is of the type that may have them, whatever it says of itself. */
function withMacros(type: string): string {
  if (type.endsWith('.macroenabled.12')) return type;
  if (type.startsWith('application/vnd.ms-visio.')) return `${type}.macroenabled.12`;
  const [, kind, member] = /\.(wordprocessing|spreadsheet|presentation)ml\.(\w+)$/.exec(type) ?? [];
  const program = { wordprocessing: 'word', spreadsheet: 'excel', presentation: 'powerpoint' }[kind ?? ''];
  return program === undefined ? type : `application/vnd.ms-${program}.${member}.macroenabled.12`;
}
