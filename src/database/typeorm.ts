import type { FindOperator, Logger, ValueTransformer } from 'typeorm';

/*
 * TypeORM's values, for all of src/. `import` would read and parse its 400 CommonJS files for their names before it loads them:
 * a fifth of a second of every command and start.
 */
import typeorm = require('typeorm');

export import And = typeorm.And;
export import Column = typeorm.Column;
export import DataSource = typeorm.DataSource;
export import Entity = typeorm.Entity;
export import EntityManager = typeorm.EntityManager;
import Equal = typeorm.Equal;
export import ForeignKey = typeorm.ForeignKey;
export import In = typeorm.In;
export import Index = typeorm.Index;
export import IsNull = typeorm.IsNull;
export import LessThan = typeorm.LessThan;
export import LessThanOrEqual = typeorm.LessThanOrEqual;
export import MoreThan = typeorm.MoreThan;
export import Not = typeorm.Not;
export import PrimaryColumn = typeorm.PrimaryColumn;
export import QueryFailedError = typeorm.QueryFailedError;
export import QueryRunnerAlreadyReleasedError = typeorm.QueryRunnerAlreadyReleasedError;
export import QueryRunnerProviderAlreadyReleasedError = typeorm.QueryRunnerProviderAlreadyReleasedError;
export import Raw = typeorm.Raw;
export import Table = typeorm.Table;
export import TableColumn = typeorm.TableColumn;
export import TableForeignKey = typeorm.TableForeignKey;
export import TableIndex = typeorm.TableIndex;

const ignore = () => undefined;

/** Prints nothing: all that fails is thrown. TypeORM's own logger prints a failed migration in colours, which the bundle leaves out. */
export const silentLogger: Logger = {
  logQuery: ignore,
  logQueryError: ignore,
  logQuerySlow: ignore,
  logSchemaBuild: ignore,
  logMigration: ignore,
  log: ignore,
};

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

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An id as rows have it: a UUID is the same in capitals (RFC 9562), and any other text stays as it is. */
export function toId(text: string): string {
  return uuid.test(text) ? text.toLowerCase() : text;
}
