import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/database.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError, fault } from '../errors.js';
import type { Quotas } from '../quotas/quotas.js';
import { beatTarget, isStillTaken, takeTarget } from './upload-target.js';

export interface UploadAttemptTimes {
  /** A client that sends nothing for so long has stalled: another request may take over from it. */
  quietMs: number;
  /** How often an attempt tells other processes that bytes have come. */
  beatMs: number;
  /** An attempt of another process that tells nothing for so long has stalled, or its process has died. */
  silentMs: number;
}

const usualTimes: UploadAttemptTimes = { quietMs: 1_000, beatMs: 1_000, silentMs: 3_000 };
const localPollMs = 50;
const remotePollMs = 250;

/** One request that brings a target's bytes. */
export class UploadAttempt {
  readonly id = randomUUID();
  /** It has taken over from one that nobody knows to have ended: that may still be writing. */
  readonly isContested: boolean;
  readonly #cut = new AbortController();
  #content: Readable | null = null;
  #bytes = 0;
  #lastByteAt = performance.now();
  #end = () => {};
  /** Resolves once the request has let go of the target. */
  readonly ended = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  constructor(isContested: boolean) {
    this.isContested = isContested;
  }

  /** Aborted once another request has taken over. */
  get signal(): AbortSignal {
    return this.#cut.signal;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts the bytes of content that is piped away from this very moment on. */
  watch(content: Readable): void {
    this.#content = content;
    content.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
      this.#lastByteAt = performance.now();
    });
  }

  /** How long its client has sent nothing, in milliseconds; 0 while it is not the client who is waited for. */
  get quietMs(): number {
    const isOurs = this.#content?.isPaused() === true || this.#content?.readableEnded === true;
    return isOurs ? 0 : performance.now() - this.#lastByteAt;
  }

  cutOff(): void {
    const msg = 'Another request has taken over this upload.';
    this.#cut.abort(fault('taken_over', ['body'], msg, { message: msg }));
  }

  end(): void {
    this.#end();
  }
}

/**
 * Decides which request brings the bytes of a target. One at a time does so, in all processes. Another one takes over once its
 * client has stalled or its process has died, by a conditional update of the row. No clock but the own one is looked at: an attempt
 * of another process is watched.
 */
export class UploadAttempts {
  readonly #database: Pick<Database, 'read' | 'write'>;
  readonly #quotas: Pick<Quotas, 'of'>;
  readonly #times: UploadAttemptTimes;
  /** Those of this process, by target. */
  readonly #own = new Map<string, UploadAttempt>();

  constructor(
    { database, quotas }: { database: Pick<Database, 'read' | 'write'>; quotas: Pick<Quotas, 'of'> },
    times: Partial<UploadAttemptTimes> = {},
  ) {
    this.#database = database;
    this.#quotas = quotas;
    this.#times = { ...usualTimes, ...times };
  }

  /**
   * Takes a target in hand, to be let go by `end`. Null: its bytes are there already. Throws NOT_FOUND once it is gone or `isLate`,
   * QUOTA_EXCEEDED, and UPLOAD_NOT_FINISHED of type `upload_under_way`, to be tried again, while another request's bytes arrive.
   */
  async begin(
    { id, organizationId }: UploadTargetRow,
    isLate: (target: UploadTargetRow) => boolean,
  ): Promise<UploadAttempt | null> {
    let watched = null as { mark: string; since: number; changes: number } | null;
    for (;;) {
      const target = await this.#database.read.findOneBy(UploadTargetRow, { id, organizationId });
      if (!target || isLate(target)) throw new AttachmentError('NOT_FOUND');
      if (target.state === 'FINISHED') return null;
      const own = this.#own.get(id);
      if (own && own.id === target.attempt) {
        await this.#waitFor(own);
        continue;
      }
      const mark = `${target.attempt} ${target.beat}`;
      const isWatched = target.state === 'RECEIVING';
      // The first change may tell of bytes that came before this request.
      const changes = watched === null ? 0 : watched.changes + Number(watched.mark !== mark);
      if (isWatched && changes > 1) throw underWay();
      if (watched?.mark !== mark) watched = { mark, since: performance.now(), changes };
      const hasStalled = performance.now() - watched.since >= this.#times.silentMs;
      const attempt = !isWatched || hasStalled ? await this.#take(target) : null;
      if (attempt) return attempt;
      if (isWatched) await sleep(remotePollMs);
      else watched = null;
    }
  }

  /** Waits until a request of this process for the target has ended, unless its bytes arrive; ends one that has stalled. */
  async settle({ id }: UploadTargetRow): Promise<void> {
    const own = this.#own.get(id);
    if (own) await this.#waitFor(own).catch(() => undefined);
  }

  async #take(target: UploadTargetRow): Promise<UploadAttempt | null> {
    const { id, organizationId, state } = target;
    const attempt = new UploadAttempt(state === 'RECEIVING');
    const quota = state === 'OPEN' ? await this.#quotas.of(organizationId) : null;
    const isTaken = await this.#database.write(async (manager) => {
      const isMine = await takeTarget(manager, target, attempt.id);
      // Perhaps its time has just ended, and its room is not held any more.
      if (isMine) await quota?.assertWithin(manager, { bytes: target.size }, ['body']);
      return isMine;
    });
    if (!isTaken) return null;
    this.#own.set(id, attempt);
    this.#keepTelling(target, attempt);
    return attempt;
  }

  /** Returns once the attempt has ended, cut off if its client has stalled; throws as soon as a byte of it comes. */
  async #waitFor(own: UploadAttempt): Promise<void> {
    const { bytes } = own;
    let hasEnded = false;
    void own.ended.then(() => {
      hasEnded = true;
    });
    while (!hasEnded) {
      // Bytes that wait in the kernel while we are busy count for the client.
      await sleep(localPollMs);
      await nextTurn();
      if (own.bytes !== bytes || own.quietMs === 0) throw underWay();
      if (own.quietMs < this.#times.quietMs) continue;
      own.cutOff();
      await own.ended;
    }
  }

  /** Tells other processes of bytes that come, and learns from the row if one of them has taken over. */
  #keepTelling({ id, organizationId }: UploadTargetRow, attempt: UploadAttempt): void {
    const taken = { id, organizationId, attempt: attempt.id };
    let told = 0;
    let beat = 0;
    const tell = async () => {
      const { bytes } = attempt;
      const isStill =
        bytes === told
          ? await isStillTaken(this.#database.read, taken)
          : await this.#database.write((manager) => beatTarget(manager, taken, beat + 1));
      if (bytes !== told) beat += 1;
      told = bytes;
      if (!isStill && this.#own.get(id) === attempt) attempt.cutOff();
    };
    // A database that cannot be asked now is asked again.
    const timer = setInterval(() => void tell().catch(() => undefined), this.#times.beatMs).unref();
    void attempt.ended.then(() => {
      clearInterval(timer);
      if (this.#own.get(id) === attempt) this.#own.delete(id);
    });
  }
}

function underWay(): AttachmentError {
  const msg = 'Another request is bringing the bytes of this target.';
  return fault('upload_under_way', ['body'], msg, { message: msg, retryAfterSeconds: 1 });
}
