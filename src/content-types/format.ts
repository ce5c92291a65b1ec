/** Formats that others are written in. */
export type Container = 'zip' | 'ole' | 'rar' | '7z' | 'tar' | 'gzip';

/** One format, as far as `mime-types` and `file-type` do not tell. docs/content-types.md shows how to add one. */
export interface Format {
  /** The standard name. */
  type: string;
  /** Other names that it goes by; `x-` in front of a subtype need not be repeated here. */
  names?: string;
  /** Extensions, which the registry then says nothing about. If rows share one, all are meant, the first row first. */
  ext?: string;
  /** More extensions, beside what the registry says. */
  also?: string;
  /** Names of other formats that it is often claimed to be. */
  called?: string;
  /** First bytes, one character each, any of which are enough to tell it; a question mark is any byte. */
  begins?: readonly string[];
  /** The container of it. It is taken for this format only by name, or if `seen` or src/content-types/zip-kinds.ts says so. */
  in?: Container;
  /** Names in the root of a compound file, any of which only this format has; a star stands for any ending. */
  seen?: readonly string[];
  /** No file is of it unless it was recognized inside its container. */
  strict?: true;
}

/** The words of a row's text. */
export const wordsOf = (text = ''): string[] => text.split(' ').filter((word) => word !== '');
