import { AttachmentError, fault } from '../errors.js';
import { FairWork, type Owner } from '../limits/fair-queue.js';
import {
  type DecodedPicture,
  type PictureContent,
  PictureProcess,
  type PictureResult,
  type ProcessLimits,
} from './picture-process.js';
import { type PictureTask, pictureLimits } from './preview.js';

/** Pictures that wait in this process, of all and of one organization. Their bytes are read when their turn comes. */
const capacity = 2_000;
const capacityOfOrganization = 500;

/** A picture waits for so long at most: clients give up after a minute. */
const usualPatienceMs = 30_000;

/** The process ends after so long without a picture, and leaves its memory. */
const usualIdleMs = 60_000;

export interface PictureRendererOptions {
  workerFile?: URL;
  limits?: Partial<ProcessLimits>;
  capacityOfOrganization?: number;
  patienceMs?: number;
  idleMs?: number;
}

interface Order {
  task: PictureTask;
  open(): Promise<PictureContent>;
}

/**
 * Decodes pictures in a process of its own, one at a time: nothing that is wrong with them, or with the decoder, reaches the
 * service. The process starts with the first picture, is started again if one costs it its life, and ends when there are none.
 */
export class PictureRenderer {
  readonly #work: FairWork<Order, DecodedPicture>;
  readonly #startProcess: () => PictureProcess;
  readonly #idleMs: number;
  #process: PictureProcess | null = null;
  #isClosed = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: PictureRendererOptions = {}) {
    const { workerFile = new URL('./picture-worker.js', import.meta.url), patienceMs = usualPatienceMs } =
      options;
    const limits = { ...pictureLimits, ...options.limits };
    const places = options.capacityOfOrganization ?? capacityOfOrganization;
    this.#idleMs = options.idleMs ?? usualIdleMs;
    this.#startProcess = () => new PictureProcess(workerFile, limits);
    this.#work = new FairWork({
      capacity,
      capacityOfOrganization: places,
      patienceMs,
      run: (order) => this.#run(order),
      whenFull: () => queueIsFull(places),
      whenLate: () => waitsTooLong(patienceMs),
      whenClosed: closed,
    });
  }

  /** Whether there is a process now. */
  get isRunning(): boolean {
    return this.#process !== null && !this.#process.isOver;
  }

  /**
   * Decodes a picture when it is its owner's turn; `open` is called then, and perhaps twice. Throws RATE_LIMITED if too many of
   * the owner's wait or it waits too long, INTERNAL_SERVER_ERROR if the process cannot start, and whatever `open` throws.
   */
  render(owner: Owner, task: PictureTask, open: () => Promise<PictureContent>): Promise<DecodedPicture> {
    return this.#work.do(owner, { task, open });
  }

  /** Ends the process. What waits fails. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#work.close();
    await this.#process?.close();
    await this.#work.idle();
    clearTimeout(this.#idleTimer);
  }

  async #run(order: Order): Promise<DecodedPicture> {
    clearTimeout(this.#idleTimer);
    try {
      const first = await this.#try(order);
      if (first !== 'CRASHED') return first;
      // It may have ended by itself just before.
      const second = await this.#try(order);
      return second === 'CRASHED' ? { fault: 'broken' } : second;
    } finally {
      this.#idleTimer = setTimeout(() => void this.#process?.close(), this.#idleMs).unref();
    }
  }

  async #try({ task, open }: Order): Promise<PictureResult> {
    const content = await open();
    if (this.#isClosed) content.stream.destroy();
    if (this.#isClosed) throw closed();
    if (this.#process === null || this.#process.isOver) this.#process = this.#startProcess();
    try {
      return await this.#process.work(task, content);
    } catch (error) {
      throw error instanceof AttachmentError ? error : broken(error);
    }
  }
}

const broken = (cause: unknown) => new AttachmentError('INTERNAL_SERVER_ERROR', { cause });
const closed = () => broken(new Error('The renderer has been closed.'));

function queueIsFull(limit: number): AttachmentError {
  const msg = `More than ${limit} pictures of the organization wait for their previews, or too many of all.`;
  return fault('too_many_previews', ['preview'], msg, { message: msg, limit, retryAfterSeconds: 10 });
}

function waitsTooLong(patienceMs: number): AttachmentError {
  const seconds = Math.ceil(patienceMs / 1_000);
  const msg = `The preview has waited for ${seconds} seconds: others, most of them yours, are costly.`;
  return fault('previews_waiting', ['preview'], msg, { message: msg, limit: seconds, retryAfterSeconds: 10 });
}
