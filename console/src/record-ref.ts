import type { Place } from './location';

/** A record of the host application. */
export interface RecordRef {
  type: string;
  id: string;
}

/** The record as the address has it. A type without a slash is there as it is. */
export const refText = ({ type, id }: RecordRef): string =>
  `${type.replace(/[%/]/g, encodeURIComponent)}/${id}`;

/** The record that an address names; null if it names none. */
export function refOf({ record = '' }: Place): RecordRef | null {
  const [, type, id] = /^([^/]+)\/(.+)$/s.exec(record) ?? [];
  if (type === undefined || id === undefined) return null;
  return { type: type.replace(/%2F/gi, '/').replace(/%25/g, '%'), id };
}
