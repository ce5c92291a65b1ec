import type { Faults } from '../errors.js';

/** An attachment in more places is changed by nobody while a record authorizer decides. */
export const maxPlaces = 1_000;

/** A thing in the caller's own system, such as WorkPackage 1. */
export interface RecordRef {
  type: string;
  id: string;
}

export const isSameRecord = (one: RecordRef, other: RecordRef): boolean =>
  one.type === other.type && one.id === other.id;

/**
 * UTF-16 units of names of records, fields and metadata types. Three of them stand in one entry of an index, and PostgreSQL takes
 * entries of 2,704 bytes: as many code points of four bytes each would not fit.
 */
export const maxNameLength = 255;
const controls = /\p{Cc}|\p{Cs}/u;

/** Notes every fault of a record named in the input at `loc`. */
export function checkRecord(faults: Faults, record: RecordRef, loc: (string | number)[]): void {
  checkName(faults, record.type, [...loc, 'type']);
  checkName(faults, record.id, [...loc, 'id']);
}

/** Names of records, fields and metadata types: 1 to 255 characters, no controls. */
export function checkName(faults: Faults, name: string, loc: (string | number)[]): void {
  if (name.trim() === '') faults.add('empty', loc, 'Must not be empty.');
  if (name.length > maxNameLength) {
    const msg = `Must have at most ${maxNameLength} characters.`;
    faults.add('too_long', loc, msg, { limit: maxNameLength });
  }
  if (controls.test(name)) {
    faults.add('control_character', loc, 'Must not have control characters.');
  }
}
