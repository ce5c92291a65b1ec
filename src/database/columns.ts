import type { FindOperator, ValueTransformer } from 'typeorm';
import { Equal, LessThan, MoreThan } from './typeorm.js';

/** Instants are stored as whole milliseconds since 1970: the same, and in order, on every engine. */
const instant: ValueTransformer = {
  to: (value: Date | null | undefined) => (value instanceof Date ? value.getTime() : value),
  from: (value: number | string | null) => (value === null ? null : new Date(Number(value))),
};

/** PostgreSQL hands 64-bit integers out as text; every one of ours is within ±(2^53-1). */
const safeInteger: ValueTransformer = {
  to: (value: number) => value,
  from: (value: number | string | null) => (value === null ? null : Number(value)),
};

const json: ValueTransformer = {
  to: (value: unknown) => (value === null || value === undefined ? null : JSON.stringify(value)),
  from: (value: string | null) => (value === null ? null : JSON.parse(value)),
};

export const idColumn = (name: string) => ({ type: 'varchar', length: 36, name }) as const;
export const textColumn = (name: string, length: number) => ({ type: 'varchar', length, name }) as const;
export const instantColumn = (name: string) => ({ type: 'bigint', name, transformer: instant }) as const;
export const sizeColumn = (name: string) => ({ type: 'bigint', name, transformer: safeInteger }) as const;
export const jsonColumn = (name: string) => ({ type: 'text', name, transformer: json }) as const;

// TypeORM hands operators to a column's transformer when it finds, but not when it updates or deletes: there a Date would
// be compared as text. As numbers, which is what instants are stored as, they are right in both.
type InstantOperator = FindOperator<Date>;

/** For `where`: exactly this. */
export const at = (instant: Date) => Equal(instant.getTime()) as unknown as InstantOperator;

/** For `where`: earlier than this. */
export const before = (instant: Date) => LessThan(instant.getTime()) as unknown as InstantOperator;

/** For `where`: later than this. */
export const after = (instant: Date) => MoreThan(instant.getTime()) as unknown as InstantOperator;
