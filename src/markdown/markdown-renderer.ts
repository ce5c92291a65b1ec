import { Worker } from 'node:worker_threads';
import { AttachmentError, fault } from '../errors.js';
import { FairWork, type Owner } from '../limits/fair-queue.js';
import { type Rendering, renderingLimits } from './rendering.js';

/** Texts that wait, of 10,000 characters at most. */
const capacity = 1_000;

/** A text waits for so long at most: clients give up after a minute. */
const usualPatienceMs = 30_000;

export interface MarkdownRendererOptions {
  workerFile?: URL;
  limitMs?: number;
  patienceMs?: number;
}

/**
 * Renders Markdown on a thread of its own, one text at a time, so that the event loop goes on and all of it together takes one
 * core at most. A text that takes too long costs the thread its life, and the next one starts another.
 */
export class MarkdownRenderer {
  readonly #work: FairWork<string, Rendering>;
  readonly #startThread: () => MarkdownThread;
  #thread: MarkdownThread | null = null;

  constructor({
    workerFile,
    limitMs = renderingLimits.milliseconds,
    patienceMs = usualPatienceMs,
  }: MarkdownRendererOptions = {}) {
    const file = workerFile ?? new URL('./markdown-worker.js', import.meta.url);
    this.#startThread = () => new MarkdownThread(file, limitMs);
    this.#work = new FairWork({
      capacity,
      patienceMs,
      run: (markdown) => this.#render(markdown),
      whenFull: queueIsFull,
      whenLate: () => waitsTooLong(patienceMs),
      whenClosed: closed,
    });
  }

  /**
   * Renders a text of at most 10,000 characters, when it is its owner's turn. Throws RATE_LIMITED if too many of the owner's
   * wait or it waits too long, INTERNAL_SERVER_ERROR if the thread breaks.
   */
  render(owner: Owner, markdown: string): Promise<Rendering> {
    return this.#work.do(owner, markdown);
  }

  /** Ends the thread. What waits fails. */
  async close(): Promise<void> {
    this.#work.close();
    await this.#thread?.close();
    await this.#work.idle();
  }

  #render(markdown: string): Promise<Rendering> {
    if (this.#thread === null || this.#thread.isOver) this.#thread = this.#startThread();
    return this.#thread.render(markdown);
  }
}

function queueIsFull(): AttachmentError {
  const msg = `More than ${capacity} descriptions wait to be rendered, most of them yours.`;
  const options = { message: msg, limit: capacity, retryAfterSeconds: 10 };
  return fault('too_many_descriptions', ['input', 'description'], msg, options);
}

function waitsTooLong(patienceMs: number): AttachmentError {
  const seconds = Math.ceil(patienceMs / 1_000);
  const msg = `The description has waited for ${seconds} seconds to be rendered: others, most of them yours, are costly.`;
  const options = { message: msg, limit: seconds, retryAfterSeconds: 10 };
  return fault('descriptions_waiting', ['input', 'description'], msg, options);
}

function closed(): AttachmentError {
  return new AttachmentError('INTERNAL_SERVER_ERROR', { cause: new Error('The renderer has been closed.') });
}

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
class MarkdownThread {
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
