import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { databasePort } from '../../support/test-database.js';

/**
 * Counts the files, sockets and pipes that the process has open. Connections to the database do not count: a pool makes more at
 * need. Always 0 if the system does not tell.
 */
export function openDescriptors(pid: number | undefined): number {
  const folder = `/proc/${pid}/fd`;
  if (!existsSync(folder)) return 0;
  const pooled = databaseSockets(pid);
  return readdirSync(folder).filter((name) => !pooled.has(targetOf(`${folder}/${name}`))).length;
}

/** As the links of their descriptors name them. */
function databaseSockets(pid: number | undefined): Set<string> {
  const port = databasePort();
  if (port === null) return new Set();
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1);
  const fields = rows.map((row) => row.trim().split(/\s+/));
  return new Set(
    fields.filter(([, , remote]) => remote?.endsWith(suffix)).map((row) => `socket:[${row[9]}]`),
  );
}

/** One that has been closed meanwhile has none. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
