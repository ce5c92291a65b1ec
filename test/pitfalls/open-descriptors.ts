import { existsSync, readdirSync } from 'node:fs';

/** How many files, sockets and the like a process holds open; always 0 where the system does not tell. */
export function openDescriptors(pid: number | undefined): number {
  const folder = `/proc/${pid}/fd`;
  return existsSync(folder) ? readdirSync(folder).length : 0;
}
