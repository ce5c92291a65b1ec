import type { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError } from '../errors.js';
import type { GrowingWriter, Growth } from '../storage/storage.js';
import { gone, isWhole, type ResumableDependencies, readUpload } from './resumable.js';
import type { UploadAttempt } from './upload-attempts.js';
import { growTarget, reopenTarget, type TargetGrowth } from './upload-target.js';

type HeldDependencies = Pick<
  ResumableDependencies,
  'database' | 'clock' | 'resumableMs' | 'resumableMaxMs' | 'quotas'
>;

/** Bytes are settled beside more of them, at the end of a request, or at the end of an upload whose length nobody knew before. */
type Moment = 'more to come' | 'request ends' | 'upload ends';

type Transition = typeof growTarget | typeof reopenTarget;

/** The row of an upload while one request has it in hand. Every change asks whether it still has. */
export class HeldUpload {
  readonly #deps: HeldDependencies;
  readonly #attempt: UploadAttempt;
  #row: UploadTargetRow;
  #isCertain = true;

  private constructor(deps: HeldDependencies, attempt: UploadAttempt, row: UploadTargetRow) {
    this.#deps = deps;
    this.#attempt = attempt;
    this.#row = row;
  }

  /** Reads the row anew: requests that came in between may have changed it. */
  static async read(
    deps: HeldDependencies,
    attempt: UploadAttempt,
    found: UploadTargetRow,
  ): Promise<HeldUpload> {
    return new HeldUpload(deps, attempt, await readUpload(deps, found));
  }

  get row(): UploadTargetRow {
    return this.#row;
  }

  /** The bytes that the row tells of. Null: the database has not answered, or another request may have changed them. */
  get counted(): Growth | null {
    const { received: size, place } = this.#row;
    return this.#isCertain ? { size, place } : null;
  }

  /** Learns how many bytes the upload has. */
  async agreeLength(size: number): Promise<void> {
    if (this.#row.deferred) await this.#change(growTarget, { size, deferred: false });
  }

  /**
   * Has the row tell of what is durable by now. At the end of the request or upload it is open for others then, unless
   * it is whole. Throws NOT_FOUND of type `upload_gone` once its time is over, however steadily bytes come.
   */
  async settle(writer: GrowingWriter, moment: Moment): Promise<void> {
    const isLast = moment !== 'more to come';
    const { size: received, place } = await writer.settle(isLast);
    if (received === this.#row.received && !isLast) return;
    const now = this.#deps.clock();
    const later = laterExpiry(this.#deps, this.#row.createdAt, now);
    const expiresAt = received > this.#row.received ? later : this.#row.expiresAt;
    const length = moment === 'upload ends' && this.#row.deferred ? { size: received, deferred: false } : {};
    const grown = { received, place, expiresAt, ...length };
    const stays = !isLast || isWhole({ ...this.#row, ...grown });
    await this.#change(stays ? growTarget : reopenTarget, grown);
    if (later <= now && !isWhole(this.#row)) throw gone();
  }

  /** Lets others have it. False: it has been let go, or another request has it. */
  letGo(): Promise<boolean> {
    return this.#move(reopenTarget, {});
  }

  async #change(transition: Transition, growth: TargetGrowth): Promise<void> {
    if (await this.#move(transition, growth)) {
      const opened = transition === reopenTarget ? { state: 'OPEN' as const, attempt: null } : {};
      this.#row = Object.assign(this.#row, growth, opened);
      return;
    }
    await readUpload(this.#deps, this.#row);
    this.#attempt.cutOff();
    this.#attempt.signal.throwIfAborted();
  }

  /** Room for an upload of known length is held since its making; another one holds what has come. */
  async #move(transition: Transition, growth: TargetGrowth): Promise<boolean> {
    const { id, organizationId, received, deferred } = this.#row;
    const mine = { id, organizationId, attempt: this.#attempt.id };
    const bytes = deferred ? (growth.size ?? growth.received ?? received) - received : 0;
    const quota = bytes > 0 ? await this.#deps.quotas.of(organizationId) : null;
    this.#isCertain = false;
    const moved = this.#deps.database.write(async (manager) => {
      const isMoved = await transition(manager, mine, growth);
      if (isMoved) await quota?.assertWithin(manager, { bytes }, ['body']);
      return isMoved;
    });
    try {
      this.#isCertain = await moved;
      return this.#isCertain;
    } catch (error) {
      this.#isCertain = error instanceof AttachmentError && error.code === 'QUOTA_EXCEEDED';
      throw error;
    }
  }
}

/** The end of an upload whose last byte comes now. */
export function laterExpiry(
  { resumableMs, resumableMaxMs }: Pick<ResumableDependencies, 'resumableMs' | 'resumableMaxMs'>,
  createdAt: Date,
  now: Date,
): Date {
  return new Date(Math.min(now.getTime() + resumableMs, createdAt.getTime() + resumableMaxMs));
}

const checkpointMs = 500;
const checkpointBytes = 32 * 1024 * 1024;

/** Settles what has come once in a while, beside the next bytes: a crash costs no more than these. */
export class Checkpoints {
  readonly #settle: () => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #fault: unknown = null;
  #bytes = 0;
  #at = performance.now();

  constructor(settle: () => Promise<void>) {
    this.#settle = settle;
  }

  /** Told of so many more bytes. Throws once a checkpoint has failed. */
  count(bytes: number): void {
    if (this.#fault !== null) throw this.#fault;
    this.#bytes += bytes;
    const isDue = this.#bytes >= checkpointBytes || performance.now() - this.#at >= checkpointMs;
    if (!isDue || this.#isRunning) return;
    this.#isRunning = true;
    this.#bytes = 0;
    this.#running = this.#settle()
      .catch((error: unknown) => {
        this.#fault = error;
      })
      .finally(() => {
        this.#isRunning = false;
        this.#at = performance.now();
      });
  }

  /** Once none is under way. */
  async end(): Promise<void> {
    await this.#running;
  }
}
