import mime from 'mime-types';
import { plainText, standardType, unknownType } from './content-type-names.js';

/** Types of extensions besides, or before, those of the registry of types. */
const moreTypes: Record<string, readonly string[]> = {
  '.ai': ['application/pdf'],
  '.asc': [plainText],
  '.bat': [plainText],
  '.doc': [plainText],
  '.dot': [plainText],
  '.hlp': [plainText],
  '.jfif': ['image/jpeg'],
  '.key': [plainText],
  '.mts': [plainText],
  '.pot': [plainText],
  '.psb': ['image/vnd.adobe.photoshop'],
  '.pub': [plainText],
  '.rtx': [plainText],
  '.skp': ['application/vnd.sketchup.skp'],
  '.svgz': ['application/gzip'],
  '.tgz': ['application/gzip'],
  '.ts': [plainText],
  '.wrd': ['application/msword'],
};

const registry = listByExtension();

const invisible = /\p{Default_Ignorable_Code_Point}/gu;

/** The last extension of a name as one reads it: in lower case, with its dot, without invisible characters; '' where there is none. */
export function extensionOf(fileName: string): string {
  const name = fileName.replace(invisible, '');
  const dot = name.lastIndexOf('.');
  return dot < 0 || dot === name.length - 1 ? '' : name.slice(dot).toLowerCase();
}

/** The types that an extension stands for, by standard name, the likeliest first; none where it is not known. */
export function typesOfExtension(extension: string): readonly string[] {
  return registry.get(extension) ?? [];
}

function listByExtension(): Map<string, string[]> {
  const types = new Map<string, Set<string>>();
  const add = (extension: string, type: string) => {
    if (type === unknownType) return;
    const known = types.get(extension) ?? new Set();
    types.set(extension, known.add(standardType(type)));
  };
  for (const [extension, type] of Object.entries(mime.types)) add(`.${extension}`, type);
  for (const [type, extensions] of Object.entries(mime.extensions)) {
    for (const extension of extensions) add(`.${extension}`, type);
  }
  for (const [extension, more] of Object.entries(moreTypes)) for (const type of more) add(extension, type);
  return new Map(Array.from(types, ([extension, known]) => [extension, [...known]]));
}
