import { AttachmentError, fault } from '../errors.js';
import type { Owner } from '../limits/fair-queue.js';
import { FairWork } from '../limits/fair-work.js';
import { MarkdownThread } from './markdown-thread.js';
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
