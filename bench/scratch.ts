import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
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

const manyFiles = 1_000;

/**
 * Removes the directory: one of many files with all others, at the end of the run. For a minute and longer ext4 searches among
 * the inodes of removed files before it creates one, which takes a third of the time of an upload of 64 KiB.
 */
export function removeScratchDirectory(path: string): void {
  if (readdirSync(path, { recursive: true }).length < manyFiles)
    rmSync(path, { recursive: true, force: true });
}

/** Has `child` killed at the end of the run, should it still be there. */
export function endWithRun(child: ChildProcess): void {
  children.add(child);
  child.once('exit', () => children.delete(child));
}
