import { Equal, type FindOperator, LessThan, MoreThan } from 'typeorm';

// TypeORM hands operators to a column's transformer when it finds, but not when it updates or deletes: there a Date would
// be compared as text. As numbers, which is what instants are stored as, they are right in both.
type InstantOperator = FindOperator<Date>;

/** For `where`: exactly this. */
export const at = (instant: Date) => Equal(instant.getTime()) as unknown as InstantOperator;

/** For `where`: earlier than this. */
export const before = (instant: Date) => LessThan(instant.getTime()) as unknown as InstantOperator;

/** For `where`: later than this. */
export const after = (instant: Date) => MoreThan(instant.getTime()) as unknown as InstantOperator;
