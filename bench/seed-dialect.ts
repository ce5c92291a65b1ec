/** The expressions that differ between the two databases. Every argument is an SQL expression, as is every result but `numbers`. */
export interface SeedDialect {
  /** Begins a statement that selects from `numbers`, whose column `n` runs from 0 to `count` - 1. */
  numbers(count: number): string;
  hex(expression: string, width: number): string;
  digits(expression: string, width: number): string;
  randomHex(bytes: number): string;
  /** `2026-01-31/23` of an instant in milliseconds. */
  hourOf(ms: string): string;
  /** Statements that have the names found at once. */
  afterNames: readonly string[];
}

export const sqliteDialect: SeedDialect = {
  numbers: (count) =>
    `WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ${count})`,
  hex: (expression, width) => `printf('%0${width}x', ${expression})`,
  digits: (expression, width) => `printf('%0${width}d', ${expression})`,
  randomHex: (bytes) => `lower(hex(randomblob(${bytes})))`,
  hourOf: (ms) => `strftime('%Y-%m-%d/%H', ${ms} / 1000, 'unixepoch')`,
  afterNames: [
    'INSERT INTO name_trigrams (rowid, name) SELECT row_id, name FROM name_changes',
    'DELETE FROM name_changes',
  ],
};

export const postgresDialect: SeedDialect = {
  numbers: (count) => `WITH numbers AS (SELECT n::bigint FROM generate_series(0, ${count - 1}) AS n)`,
  hex: (expression, width) => `lpad(to_hex((${expression})::bigint), ${width}, '0')`,
  digits: (expression, width) => `lpad((${expression})::text, ${width}, '0')`,
  randomHex: (bytes) => Array.from({ length: bytes / 16 }, () => 'md5(random()::text)').join(' || '),
  hourOf: (ms) => `to_char(to_timestamp(${ms} / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD/HH24')`,
  afterNames: [],
};
