/*
 * Statements that PostgreSQL prepares: it then parses them once for each connection, and plans them once where that costs no more
 * than planning for the values at hand. To parse and plan a read by key takes ten times as long as to run it.
 */

/** Each connection keeps what it has prepared. */
const maxTexts = 64;
const names = new Map<string, string>();

/** Returns `sql`, which is prepared from now on. It must be of a few texts that are used all the time. */
export function prepared(sql: string): string {
  if (!names.has(sql) && names.size < maxTexts) names.set(sql, `claimcheck_${names.size}`);
  return sql;
}

/** Null if statements of this text are not prepared. */
export function preparedName(sql: string): string | null {
  return names.get(sql) ?? null;
}
