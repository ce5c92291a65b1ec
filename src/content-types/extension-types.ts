import mime from 'mime-types';
import { isVagueType, standardType } from './content-type-names.js';
import { wordsOf } from './format.js';
import { formats } from './formats.js';

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
    if (isVagueType(type)) return;
    const known = types.get(extension) ?? new Set();
    types.set(extension, known.add(standardType(type)));
  };
  for (const { type, ext } of formats) for (const extension of wordsOf(ext)) add(extension, type);
  const ours = new Set(types.keys());
  const registered = [
    ...Object.entries(mime.types),
    ...Object.entries(mime.extensions).flatMap(([type, extensions]) =>
      extensions.map((one) => [one, type] as const),
    ),
  ];
  for (const [extension, type] of registered) if (!ours.has(`.${extension}`)) add(`.${extension}`, type);
  for (const { type, also } of formats) for (const extension of wordsOf(also)) add(extension, type);
  return new Map(Array.from(types, ([extension, known]) => [extension, [...known]]));
}
