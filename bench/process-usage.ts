import { readFile } from 'node:fs/promises';

/** The resources that a process has used so far, all its threads together. */
export interface ProcessUsage {
  /** Time on a processor, user and system. */
  cpuMs: number;
  /** The most physical memory it ever held (VmHWM). */
  peakRssBytes: number;
  /** The physical memory it holds now (VmRSS). */
  rssBytes: number;
}

/** /proc counts processor time in hundredths of a second on every architecture that Node runs on. */
const msPerTick = 10;

/** Null where the system keeps no /proc. */
export async function readProcessUsage(pid: number): Promise<ProcessUsage | null> {
  if (process.platform !== 'linux') return null;
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ]);
  return {
    cpuMs: cpuTicks(stat) * msPerTick,
    peakRssBytes: statusBytes(status, 'VmHWM'),
    rssBytes: statusBytes(status, 'VmRSS'),
  };
}

/** Fields 14 and 15 (utime, stime); counted from behind the command's name, which may hold spaces and brackets. */
function cpuTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function statusBytes(status: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status);
  return Number(found?.[1]) * 1024;
}
