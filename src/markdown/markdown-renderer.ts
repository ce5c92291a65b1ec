import { AttachmentError, fault } from '../errors.js';
import { FairQueue, type Owner } from './fair-queue.js';
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

interface Waiting {
  markdown: string;
  /** Refuses it once it has waited too long. */
  timer: NodeJS.Timeout;
  isRefused: boolean;
  resolve(rendering: Rendering): void;
  reject(error: Error): void;
}

/**
 * Renders Markdown on a thread of its own, one text at a time, so that the event loop goes on and all of it together takes one
 * core at most. A text that takes too long costs the thread its life, and the next one starts another.
 */
export class MarkdownRenderer {
  readonly #queue = new FairQueue<Waiting>(capacity);
  readonly #startThread: () => MarkdownThread;
  readonly #patienceMs: number;
  #thread: MarkdownThread | null = null;
  #draining: Promise<void> | null = null;
  #isClosed = false;

  constructor({
    workerFile,
    limitMs = renderingLimits.milliseconds,
    patienceMs = usualPatienceMs,
  }: MarkdownRendererOptions = {}) {
    this.#patienceMs = patienceMs;
    const file = workerFile ?? new URL('./markdown-worker.js', import.meta.url);
    this.#startThread = () => new MarkdownThread(file, limitMs);
  }

  /**
   * Renders a text of at most 10,000 characters, when it is its owner's turn. Throws RATE_LIMITED if too many of the owner's
   * wait or it waits too long, INTERNAL_SERVER_ERROR if the thread breaks.
   */
  render(owner: Owner, markdown: string): Promise<Rendering> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw closed();
      const refuse = () => {
        item.isRefused = true;
        reject(waitsTooLong(this.#patienceMs));
      };
      const item = {
        markdown,
        timer: setTimeout(refuse, this.#patienceMs),
        isRefused: false,
        resolve,
        reject,
      };
      const dropped = this.#queue.add(owner, item);
      clearTimeout(dropped?.timer);
      dropped?.reject(queueIsFull());
      this.#draining ??= this.#drain();
    });
  }

  /** Ends the thread. What waits fails. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (let next = this.#take(); next; next = this.#take()) next.item.reject(closed());
    await this.#thread?.close();
    await this.#draining;
  }

  async #drain(): Promise<void> {
    for (let next = this.#take(); next; next = this.#take()) {
      const { item, ...owner } = next;
      const start = performance.now();
      await this.#render(item.markdown).then(item.resolve, item.reject);
      this.#queue.use(owner, performance.now() - start);
    }
    this.#draining = null;
  }

  /** The next text that has not been refused meanwhile. */
  #take() {
    let next = this.#queue.take();
    while (next?.item.isRefused) next = this.#queue.take();
    clearTimeout(next?.item.timer);
    return next;
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
