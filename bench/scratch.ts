import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/*
 * Temporary directories and child processes of a run. However the run ends, by its last line, an error or Ctrl-C, they end
 * with it.
 */

const root = mkdtempSync(join(tmpdir(), 'claimcheck-bench-'));
const children = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

export function makeScratchDirectory(name: string): string {
  return mkdtempSync(join(root, `${name}-`));
}

export function removeScratchDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

/** Has `child` killed at the end of the run, should it still be there. */
export function endWithRun(child: ChildProcess): void {
  children.add(child);
  child.once('exit', () => children.delete(child));
}
