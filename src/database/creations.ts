import type { EntityTarget, ObjectLiteral } from 'typeorm';
import type { BlobBody } from './blob-bodies.js';

/** A new row that refers to none but those before it. */
export interface NewRow {
  entity: EntityTarget<ObjectLiteral>;
  row: ObjectLiteral;
}

/** Rows that need nothing but to be there, of one creation. */
export interface Creation {
  rows: readonly NewRow[];
  body: BlobBody | null;
}

/**
 * Whether its rows keep every text as JSON. Others have to go alone: one of them would undo the whole group. JSON escapes U+0000 and
 * halves of characters, and databases read them otherwise or refuse them.
 */
export const fitsJson = ({ rows }: Creation): boolean =>
  textsOf(rows).every((text) => text.isWellFormed() && !text.includes('\0'));

/** Together in one transaction: one durable commit then serves them all, and the longest wait stays short. */
const groupSize = 64;
/** Characters of texts and bytes of bodies in a group: as JSON they hold the event loop for a few milliseconds. */
const groupLength = 2 * 1024 * 1024;

/** Takes those that wait longest from all that do, at least one, and at most `most`. */
export function takeGroup<Waiting extends { creation: Creation | null }>(
  waiting: Waiting[],
  most = groupSize,
): Waiting[] {
  const size = Math.min(most, groupSize);
  let length = 0;
  const end = waiting.findIndex(({ creation }, index) => {
    if (creation) length += lengthOf(creation);
    return index === size || (index > 0 && length > groupLength);
  });
  return waiting.splice(0, end < 0 ? waiting.length : end);
}

const lengthOf = ({ rows, body }: Creation): number =>
  textsOf(rows).reduce((sum, text) => sum + text.length, body?.body.byteLength ?? 0);

function textsOf(rows: readonly NewRow[]): string[] {
  const texts: string[] = [];
  for (const { row } of rows)
    for (const value of Object.values(row)) if (typeof value === 'string') texts.push(value);
  return texts;
}
