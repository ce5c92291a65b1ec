import type { ByteRange } from '../storage/storage.js';

const singleRange = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;

/**
 * The part of `size` bytes that a Range header asks for (RFC 9110, section 14). Null where the whole is to be sent: no
 * header, another unit, a malformed one, or a list of ranges, which is never worth the cost of answering it in pieces.
 */
export function readByteRange(header: string | undefined, size: number): ByteRange | 'UNSATISFIABLE' | null {
  const [, first = '', last = ''] = singleRange.exec(header ?? '') ?? [];
  if (first === '') return last === '' ? null : suffixRange(Number(last), size);

  const start = Number(first);
  const end = last === '' ? Infinity : Number(last);
  if (end < start) return null;
  return start < size ? { start, end: Math.min(end, size - 1) } : 'UNSATISFIABLE';
}

/** The last `length` bytes, or all where there are fewer. An empty file has no last bytes to name, so it is sent whole. */
function suffixRange(length: number, size: number): ByteRange | 'UNSATISFIABLE' | null {
  if (length === 0) return 'UNSATISFIABLE';
  return size === 0 ? null : { start: Math.max(0, size - length), end: size - 1 };
}
