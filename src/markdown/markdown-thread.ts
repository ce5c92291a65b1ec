import { Worker } from 'node:worker_threads';
import { AttachmentError } from '../errors.js';
import type { Rendering } from './rendering.js';

/**
 * Memory of the thread's own heap. What passes the limits on depth and length needs less than half of it. The process
 * survives a thread that runs out of memory.
 */
const resourceLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 128, stackSizeMb: 4 };

const startLimitMs = 30_000;
const tickMs = 50;
const patience = 5;

class TimeIsUp extends Error {}

/** A thread that renders one text at a time. One that takes too long costs the thread its life; see `isOver`. */
export class MarkdownThread {
  readonly #worker: Worker;
  readonly #limitMs: number;
  readonly #started: Promise<unknown>;
  #isOver = false;
  #waiting: { resolve(message: unknown): void; reject(error: Error): void } | null = null;

  constructor(workerFile: URL, limitMs: number) {
    this.#limitMs = limitMs;
    // It needs no settings, and so gets none of the secrets among them.
    this.#worker = new Worker(workerFile, { resourceLimits, env: {} });
    this.#worker
      .on('message', (message: unknown) => this.#waiting?.resolve(message))
      .on('error', (error) => this.#end(error))
      .on('exit', (code) => this.#end(new Error(`The rendering thread has ended with code ${code}.`)))
      .unref();
    this.#started = this.#nextMessage(startLimitMs);
    this.#started.catch(() => undefined);
  }

  /** Whether it has ended, or is about to: then it must not be asked any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Renders one text; not to be called again before that has settled. The process stays alive meanwhile. Throws
   * INTERNAL_SERVER_ERROR if the thread cannot start or breaks.
   */
  async render(markdown: string): Promise<Rendering> {
    this.#worker.ref();
    try {
      await this.#started;
      this.#worker.postMessage(markdown);
      return (await this.#nextMessage(this.#limitMs)) as Rendering;
    } catch (cause) {
      await this.close();
      if (cause instanceof TimeIsUp || isOutOfMemory(cause)) return { fault: 'too_costly' };
      throw new AttachmentError('INTERNAL_SERVER_ERROR', { cause });
    } finally {
      this.#worker.unref();
    }
  }

  /** Resolves once the thread has ended; what it was rendering fails. */
  async close(): Promise<void> {
    this.#isOver = true;
    await this.#worker.terminate();
  }

  #end(error: Error): void {
    this.#isOver = true;
    this.#waiting?.reject(error);
  }

  #nextMessage(limitMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const isUp = startClock(limitMs);
      // An answer that is there already is taken before the time is up.
      const timer = setInterval(() => {
        if (isUp()) setImmediate(() => settle(() => reject(new TimeIsUp())));
      }, tickMs);
      const settle = (how: () => void) => {
        clearInterval(timer);
        how();
      };
      this.#waiting = {
        resolve: (message) => settle(() => resolve(message)),
        reject: (error) => settle(() => reject(error)),
      };
      if (this.#isOver) this.#waiting.reject(new Error('The rendering thread has ended.'));
    });
  }
}

/**
 * To be asked every `tickMs`: whether the time is up. It is once the process has computed for `limitMs`, for the thread alone
 * cannot be asked that, so a busy machine refuses nothing that an idle one takes; and after `patience` times as many ticks,
 * whatever it did. No tick passes while the process is suspended.
 */
function startClock(limitMs: number): () => boolean {
  const start = process.cpuUsage();
  const leastTicks = Math.ceil(limitMs / tickMs);
  let ticks = 0;
  return () => {
    ticks += 1;
    const { user, system } = process.cpuUsage(start);
    const hasComputed = (user + system) / 1_000 >= limitMs;
    return ticks >= leastTicks && (hasComputed || ticks >= leastTicks * patience);
  };
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
