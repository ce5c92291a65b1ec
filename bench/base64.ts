import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Limit } from './limit.js';
import { runLoad } from './load.js';
import { readProcessUsage } from './process-usage.js';
import { makeScratchDirectory, removeScratchDirectory } from './scratch.js';
import { startService } from './server-process.js';
import { queryRequest } from './service-requests.js';

const mebibyte = 1024 * 1024;
/** The default of MAX_INLINE_SIZE. */
const contentSize = 16 * mebibyte;

const mutation = `mutation ($input: CreateAttachmentInput!) {
  createAttachment(input: $input) { attachment { size } } }`;

export interface Base64Costs {
  /** Physical memory at its peak, in bytes; null where the system does not tell. */
  peak: number | null;
  /** The longest the event loop was held up, in milliseconds. */
  pauseMs: number;
}

/** Memory and time of a fresh service for three files of 16 MiB, each as one base64 string in a JSON body. */
export async function measureBase64(): Promise<Base64Costs> {
  const directory = makeScratchDirectory('loop');
  const pauseFile = join(directory, 'pause');
  const monitor = fileURLToPath(new URL('./loop-monitor.js', import.meta.url));
  process.env['LOOP_PAUSE_FILE'] = pauseFile;
  const service = await startService({ nodeArguments: ['--import', monitor] });
  let peak: number | null = null;
  try {
    const store = (size: number, requests: number) => {
      const base64 = Buffer.alloc(size, 'Leave a file, get a ticket. ').toString('base64');
      const request = queryRequest(service, mutation, {
        input: { content: { base64 }, fileName: 'ticket.txt' },
      });
      return runLoad(service.origin, request, { requests, concurrency: 1, seconds: 60 });
    };
    // One small upload first: a process does some things once, such as compiling, and they are not measured.
    await store(mebibyte, 20);
    process.kill(service.pid, 'SIGUSR2');
    await store(contentSize, 3);
    peak = (await readProcessUsage(service.pid))?.peakRssBytes ?? null;
  } finally {
    await service.stop();
  }
  const pauseMs = Number(readFileSync(pauseFile, 'utf8'));
  removeScratchDirectory(directory);
  return { peak, pauseMs };
}

export function base64Limits({ peak, pauseMs }: Base64Costs): Limit[] {
  return [
    {
      name: 'memory at its peak, base64 of 16 MiB',
      measured: peak && peak / mebibyte,
      bound: 450,
      kind: 'at most',
      unit: 'MiB',
    },
    { name: 'longest pause, base64 of 16 MiB', measured: pauseMs, bound: 50, kind: 'at most', unit: 'ms' },
  ];
}
