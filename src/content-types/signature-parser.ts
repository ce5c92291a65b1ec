import { FileTypeParser } from 'file-type';

/** The place at which a signature is looked for, and how. */
interface CheckOptions {
  offset?: number;
  mask?: readonly number[];
  encoding?: string;
}

/** Members of the parser that its types do not tell of. */
interface Checks {
  readonly buffer: Uint8Array;
  check(header: readonly number[], options?: CheckOptions): boolean;
  checkString(header: string, options?: CheckOptions): boolean;
}

const Parser = FileTypeParser as unknown as new () => FileTypeParser & Checks;

/**
 * The parser of file-type, which compares a file with 250 signatures and takes each one apart for that. Here the first byte decides,
 * as it nearly always does. Should a later version call these methods no more, it is as right and takes its own time.
 */
export class SignatureParser extends Parser {
  override check(header: readonly number[], options?: CheckOptions): boolean {
    return this.#mayBegin(header[0], options) && super.check(header, options);
  }

  override checkString(header: string, options?: CheckOptions): boolean {
    return this.#mayBegin(header.charCodeAt(0), options) && super.checkString(header, options);
  }

  #mayBegin(first: number | undefined, options?: CheckOptions): boolean {
    if (options?.mask || options?.encoding) return true;
    return this.buffer[options?.offset ?? 0] === first;
  }
}
