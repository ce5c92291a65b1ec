import * as real from './real-files.js';

/** One format as people have it: its extensions, the type that is right, other types that clients give it, and a file. */
export interface Sample {
  extensions: string;
  type: string;
  given: string;
  bytes: Buffer;
}

/** Larger than what is kept of the beginning. */
export const bytes = (...parts: Parameters<typeof real.bytes>) =>
  Buffer.concat([real.bytes(...parts), real.noise(5_000)]);

export const text = (start: string) => real.utf8(start + 'Zeile für Zeile\r\n'.repeat(300));

export const sample = (extensions: string, type: string, given: string, content: Buffer): Sample => ({
  extensions,
  type,
  given,
  bytes: content,
});
