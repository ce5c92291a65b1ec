import { AttachmentError, fault } from '../errors.js';
import {
  QueryFailedError,
  QueryRunnerAlreadyReleasedError,
  QueryRunnerProviderAlreadyReleasedError,
} from './typeorm.js';

/** Codes of SQLite for a file that cannot be written or read just now. */
const sqliteFaults = new Set([
  'SQLITE_FULL',
  'SQLITE_IOERR',
  'SQLITE_READONLY',
  'SQLITE_CANTOPEN',
  'SQLITE_BUSY',
  'SQLITE_INTERRUPT',
]);

/**
 * Codes of PostgreSQL, by class: no connection (08), out of disk, memory or connections (53), stopped or starting (57P), ended for
 * its own idleness (25P03, 25P04), statement cancelled by its time limit (57014) or on a standby by what the primary has done
 * (40001), given up to end a deadlock (40P01) or to cause none (55P03), a standby or a read-only volume (25006), a failing disk (58).
 */
const postgresFaults = /^(08|53|57P|58|57014|25006|25P0[34]|40001|40P01|55P03)/;

const socketFaults = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** Messages without a code of the driver and its pool, for connections that are lost or answer nothing. */
const lostConnection =
  /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|Driver not Connected)/;

/** TypeORM's error for a connection that was lost between two statements; it has released the connection by then. */
const putAway = [QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError];

/** A text with the character U+0000, which PostgreSQL cannot keep. */
const invalidText = '22021';

/** A statement has used up its time: interrupted by us on SQLite, cancelled by PostgreSQL. */
const timeLimits = new Set(['SQLITE_INTERRUPT', '57014']);

/** The transaction met another one; run again, it may well succeed. */
const conflicts = new Set(['40001', '40P01', '55P03', '23505', '23503']);

/** The database's own code for what went wrong, where `error` comes from it. */
function databaseCode(error: unknown): string | null {
  const cause: unknown = error instanceof QueryFailedError ? error.driverError : error;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : null;
  return typeof code === 'string' ? code : null;
}

/** Codes that may come from between us and the server, or as its last word: no connection, ended by an administrator, a defect. */
const lastWords = /^(08|57P|XX)/;

/** Whether PostgreSQL has refused a statement, by an error that it has a code for. */
export function isRefusal(error: unknown): boolean {
  const code = databaseCode(error);
  return error instanceof QueryFailedError && /^[0-9A-Z]{5}$/.test(code ?? '') && !lastWords.test(code ?? '');
}

export function isConflict(error: unknown): boolean {
  return error instanceof QueryFailedError && conflicts.has(databaseCode(error) ?? '');
}

export function isTimeLimit(error: unknown): boolean {
  return error instanceof QueryFailedError && timeLimits.has(databaseCode(error) ?? '');
}

/** QUERY_TOO_COMPLEX, for a list or a count that has to search through more rows than there is time for. */
export function tookTooLong(limitMs: number, cause: unknown): AttachmentError {
  const msg = `Finding or counting these takes longer than ${limitMs / 1_000} seconds: narrow the filter.`;
  return fault('took_too_long', ['query'], msg, { message: msg, cause });
}

/** The connection was lost while a transaction was being committed: nobody here knows whether it was, or still will be. */
export class OutcomeUnknown extends AttachmentError {
  constructor(cause: unknown) {
    super('STORAGE_UNAVAILABLE', { cause });
  }
}

/** A full, failing or unreachable database is the operator's to mend and the client's to retry; anything else stays what it is. */
export function toDatabaseFault(error: unknown): unknown {
  if (error instanceof AttachmentError) return error;
  if (isUnavailable(error)) return new AttachmentError('STORAGE_UNAVAILABLE', { cause: error });
  if (error instanceof QueryFailedError && databaseCode(error) === invalidText) return unacceptableText();
  return error;
}

export function isUnavailable(error: unknown): boolean {
  const code = databaseCode(error) ?? '';
  if (error instanceof QueryFailedError && (sqliteFaults.has(code) || postgresFaults.test(code))) return true;
  return postgresFaults.test(code) || socketFaults.has(code) || isLostConnection(error);
}

function isLostConnection(error: unknown): boolean {
  if (putAway.some((kind) => error instanceof kind)) return true;
  return error instanceof Error && lostConnection.test(error.message);
}

function unacceptableText(): AttachmentError {
  return fault('nul_character', ['input'], 'A text has the character U+0000, which cannot be stored.');
}
