import { extname } from 'node:path';

/** In bytes of UTF-8; file systems take no longer ones. Room for a number is kept. */
const maxBytes = 240;

/** Characters that some file system cannot have in a name, or takes for a folder. */
const unsafe = /[\p{Cc}\p{Cs}<>:"/\\|?*]/gu;

/** Gives files names that no other file of the same archive has, on file systems that do not tell case apart, too. */
export class ArchiveNames {
  /** The number that each folded name has come to. */
  readonly #numbers = new Map<string, number>();

  /** The name itself if it is free, else with a number: `a (2).txt`. */
  take(fileName: string): string {
    const name = safeName(fileName);
    const extension = extname(name);
    const stem = name.slice(0, name.length - extension.length);
    for (let number = this.#numbers.get(fold(name)) ?? 1; ; number += 1) {
      const candidate = number === 1 ? name : `${stem} (${number})${extension}`;
      if (number > 1 && this.#numbers.has(fold(candidate))) continue;
      this.#numbers.set(fold(name), number + 1);
      if (number > 1) this.#numbers.set(fold(candidate), 2);
      return candidate;
    }
  }
}

/** Small letters alone would leave apart what file systems do not: a Greek word ends with a sigma of its own, and `ß` is `SS`. */
const fold = (name: string) => name.normalize('NFC').toLowerCase().toUpperCase().normalize('NFC');

/** A name that every file system takes, of at most 240 bytes. What is cut off is the end of the stem. */
export function safeName(fileName: string): string {
  const name = fileName.replace(unsafe, '_').replace(/[\s.]+$/u, '') || '_';
  const extension = cut(extname(name), maxBytes / 2);
  const stem = name.slice(0, name.length - extname(name).length);
  return `${cut(stem, maxBytes - Buffer.byteLength(extension))}${extension}`;
}

function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  let left = bytes;
  const kept: string[] = [];
  for (const character of text) {
    left -= Buffer.byteLength(character);
    if (left < 0) break;
    kept.push(character);
  }
  return kept.join('');
}
