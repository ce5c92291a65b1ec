import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** Control groups of the first kind, where root may hold a process to a share of a processor. */
const groups = '/sys/fs/cgroup/cpu';

export const canHold = (): boolean =>
  existsSync(join(groups, 'cpu.cfs_quota_us')) && process.getuid?.() === 0;

/** Microseconds: short, so that a process that has used its share waits for a fraction of a request. */
const period = 10_000;

/** Holds all threads of a process to this share of one processor, until it is freed. It must end first. */
export function holdTo(share: number, pid: number): { free(): void } {
  const group = join(groups, `claimcheck-bench-${pid}`);
  mkdirSync(group);
  writeFileSync(join(group, 'cpu.cfs_period_us'), String(period));
  writeFileSync(join(group, 'cpu.cfs_quota_us'), String(Math.round(share * period)));
  writeFileSync(join(group, 'cgroup.procs'), String(pid));
  return { free: () => rmdirSync(group) };
}

/** Keeps a process on one processor: the first of them, the second, and so on. */
export function pin(pid: number, index: number): void {
  const processor = String(index % availableParallelism());
  const { status } = spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', processor, String(pid)]);
  if (status !== 0) throw new Error('A process could not be kept on one processor.');
}

/** Milliseconds that all processors together have been busy since the system began. */
export function busyMs(): number {
  const [, ...fields] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/\s+/) ?? [];
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0] = fields.map(Number);
  return (user + nice + system + interrupts + softInterrupts) * 10;
}
