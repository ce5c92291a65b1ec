import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import {
  type Frame,
  frameHead,
  type PictureFault,
  type PictureSize,
  type PictureTask,
  readFrames,
} from './preview.js';

export interface ProcessLimits {
  /** Milliseconds of computing on one picture. */
  milliseconds: number;
  /** Bytes of memory. */
  memory: number;
}

/** A picture's bytes on their way from the storage. */
export interface PictureContent {
  bytes: number;
  stream: Readable;
}

/** A preview, without bytes if only the size was asked for. */
export type DecodedPicture = (PictureSize & { body: Buffer }) | { fault: PictureFault };

/** `CRASHED`: the process has ended by itself, which may be the picture's doing. */
export type PictureResult = DecodedPicture | 'CRASHED';

/** The largest preview, with much to spare. */
const maxAnswerBytes = 64 * 1024 * 1024;
const keptErrorLength = 2_000;

const answerHeader = z.union([
  z.object({ fault: z.enum(['broken', 'too_costly']) }),
  z.object({ width: z.int().positive(), height: z.int().positive() }),
]);

/**
 * A process that decodes one picture at a time. It has none of the service's settings, and a picture that costs too much time or
 * memory costs it its life; see `isOver`.
 */
export class PictureProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #limits: ProcessLimits;
  readonly #answers: AsyncGenerator<Frame, void, void>;
  readonly #started: Promise<void>;
  #lastError = '';
  #isOver = false;
  #isTooCostly = false;

  constructor(file: URL, limits: ProcessLimits) {
    this.#limits = limits;
    this.#child = spawn(process.execPath, ['--max-old-space-size=256', fileURLToPath(file)], {
      env: {},
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    this.#child.on('error', this.#end).on('exit', this.#end);
    // The exit tells.
    this.#child.stdin.on('error', () => undefined);
    this.#child.stderr.on('data', (chunk) => {
      this.#lastError = `${this.#lastError}${chunk}`.slice(-keptErrorLength);
    });
    this.#answers = readFrames(this.#child.stdout, maxAnswerBytes);
    this.#started = this.#start();
    this.#started.catch(() => undefined);
  }

  /** Whether it has ended, or is about to: then it must not be asked any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Does one task; not to be called again before that has settled. Throws if the process cannot start, or what `content` fails
   * with: then the process is over, too.
   */
  async work(task: PictureTask, { bytes, stream }: PictureContent): Promise<PictureResult> {
    try {
      await this.#started;
      this.#child.stdin.write(frameHead(task, bytes));
      await this.#send(stream, bytes);
      return await this.#answer();
    } catch (error) {
      this.#kill();
      throw error;
    } finally {
      stream.destroy();
    }
  }

  /** Resolves once the process has ended. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const hasEnded = once(this.#child, 'exit').catch(() => undefined);
    this.#kill();
    await hasEnded;
  }

  readonly #end = (): void => {
    this.#isOver = true;
  };

  #kill(): void {
    this.#isOver = true;
    this.#child.kill('SIGKILL');
  }

  async #start(): Promise<void> {
    const ready = await this.#answers.next().catch(() => null);
    if (ready?.value) return;
    this.#kill();
    throw new Error(`The process for previews has not started: ${this.#lastError}`);
  }

  async #send(stream: Readable, bytes: number): Promise<void> {
    let sent = 0;
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      sent += chunk.byteLength;
      if (sent > bytes || this.#isOver) break;
      if (this.#child.stdin.write(chunk)) continue;
      await Promise.race([once(this.#child.stdin, 'drain'), once(this.#child, 'exit')]);
    }
    if (sent !== bytes && !this.#isOver)
      throw new Error('The picture does not have as many bytes as its row says.');
  }

  async #answer(): Promise<PictureResult> {
    const stopWatch = this.#watch();
    try {
      const { value: frame } = await this.#answers.next();
      if (!frame) return this.#endedBy();
      const header = answerHeader.parse(frame.header);
      return 'fault' in header ? header : { ...header, body: frame.body };
    } finally {
      stopWatch();
    }
  }

  #endedBy(): PictureResult {
    this.#isOver = true;
    return this.#isTooCostly ? { fault: 'too_costly' } : 'CRASHED';
  }

  /** Kills the process once it has computed for too long or taken too much memory. The result ends the watch. */
  #watch(): () => void {
    const clock = startClock(this.#child.pid ?? 0, this.#limits);
    const timer = setInterval(() => {
      clock().then(
        (isUp) => {
          if (!isUp) return;
          this.#isTooCostly = true;
          this.#kill();
        },
        () => undefined,
      );
    }, tickMs);
    return () => clearInterval(timer);
  }
}

const tickMs = 100;
const patience = 6;
/** The unit of times in /proc, on every machine. */
const clockTicksPerSecond = 100;

/**
 * A clock that is up once a process has computed for so many milliseconds, or has so much memory. Only Linux tells; elsewhere,
 * and for a process that waits, it is up after `patience` times as many ticks. No tick passes while the machine is suspended.
 */
function startClock(pid: number, { milliseconds, memory }: ProcessLimits): () => Promise<boolean> {
  let ticks = 0;
  let before: number | null = null;
  return async () => {
    ticks += 1;
    if (ticks * tickMs >= milliseconds * patience) return true;
    const used = await readUse(pid);
    if (!used) return false;
    before ??= used.milliseconds;
    return used.milliseconds - before >= milliseconds || used.memory > memory;
  };
}

/** Null if the system does not tell. */
async function readUse(pid: number): Promise<ProcessLimits | null> {
  if (process.platform !== 'linux') return null;
  const [stat, status] = await Promise.all(
    ['stat', 'status'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8')),
  );
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const ticks = Number(fields[11]) + Number(fields[12]);
  const [, kilobytes = '0'] = /^VmRSS:\s*(\d+)/m.exec(status ?? '') ?? [];
  return { milliseconds: (ticks * 1_000) / clockTicksPerSecond, memory: Number(kilobytes) * 1_024 };
}
