import type { Viewer } from '../auth/viewer.js';
import { createBoundedCache } from '../bounded-cache.js';
import { AttachmentError } from '../errors.js';
import { Places, takeAll } from '../limits/places.js';
import { OpaClient, Outage, type OutageListener } from './opa-client.js';
import {
  type QuestionOutcome,
  QuestionQueue,
  type Queued,
  type RecordAuthorizer,
  type RecordQuestion,
} from './record-authorizer.js';

export interface OpaAuthorizerOptions extends OutageListener {
  /** The address of a decision, such as `http://127.0.0.1:8181/v1/data/records/allow`. */
  url: string;
  /** Whether the policy takes an array of questions. */
  batch?: boolean;
  onQuestion?(outcome: QuestionOutcome): void;
  /** From the sending of a question to the end of its answer. Waiting for a connection has a bound of its own. */
  timeoutMs?: number;
  /** Between two looks for whether a dead authorizer is back. */
  retryMs?: number;
  /** In milliseconds. */
  now?: () => number;
}

/** How long an answer is good for the same question, in milliseconds since the question was sent. */
const answerMs = 3_000;
const maxAnswers = 10_000;
const maxConnections = 20;
/** The others are free for the turns of other organizations, however slow the answers to this one are. */
const maxConnectionsOfOne = 16;
/** The most questions that share a request. Each has at most `maxQuestionLength` characters. */
const maxBatch = 200;
/** No record with names as long as they may be has a longer question: what is longer is no record, and nobody is asked. */
const maxQuestionLength = 16_384;
const queueBounds = { perOrganization: 20_000, total: 100_000, length: 64 * 2 ** 20 };
/** While it is dead, so many questions are sent all the same, one of an organization: the first after its return is answered. */
const maxTrials = 8;
/** The most looks that have no answer yet. */
const maxLooks = 8;
const maxWaitMs = 30_000;
const sweepMs = 1_000;

interface Question extends Queued {
  /** As JSON. */
  input: string;
  resolve(answer: boolean): void;
  reject(error: AttachmentError): void;
}

/**
 * Asks Open Policy Agent, or whatever speaks its data API. Equal questions share an answer for three seconds. Organizations
 * take turns at the connections. While nothing answers, questions fail at once, and it is looked for in the background.
 */
export class OpaAuthorizer implements RecordAuthorizer {
  readonly isActive = true;
  readonly #client: OpaClient;
  readonly #batch: boolean;
  readonly #retryMs: number;
  readonly #now: () => number;
  readonly #onQuestion: (outcome: QuestionOutcome) => void;
  readonly #outage: Outage;
  readonly #queue = new QuestionQueue<Question>(queueBounds);
  /** By the question as JSON. */
  readonly #answers = createBoundedCache<boolean>(maxAnswers);
  readonly #pending = new Map<string, Promise<boolean>>();
  readonly #trials = [new Places(maxTrials), new Places(1)] as const;
  /** Requests under way, by organization. */
  readonly #sending = new Map<string, number>();
  #sendingTotal = 0;
  #isScheduled = false;
  #isClosed = false;
  #sweep: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout | undefined;
  #looks = 0;
  /** A question that was answered, to look with for whether anything answers again. */
  #answered: string | null = null;

  constructor(options: OpaAuthorizerOptions) {
    const { url, batch = false, timeoutMs = 2_000, retryMs = 250, now = () => performance.now() } = options;
    this.#client = new OpaClient({
      url,
      batch,
      timeoutMs,
      connections: maxConnections + maxTrials + maxLooks,
    });
    this.#batch = batch;
    this.#retryMs = retryMs;
    this.#now = now;
    this.#onQuestion = (outcome) => options.onQuestion?.(outcome);
    this.#outage = new Outage(options, now);
  }

  get waiting(): number {
    return this.#queue.size;
  }

  may(viewer: Viewer, question: RecordQuestion): Promise<boolean> {
    const input = toInput(viewer, question);
    if (input.length > maxQuestionLength) return Promise.resolve(false);
    const answer = this.#answers.get(input);
    if (answer !== undefined) return Promise.resolve(answer);
    return this.#pending.get(input) ?? this.#ask(viewer, input);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#sweep);
    clearInterval(this.#looking);
    this.#turnAway(this.#queue.takeAll());
    await this.#client.close();
  }

  #ask({ organizationId, principal }: Viewer, input: string): Promise<boolean> {
    const answer = new Promise<boolean>((resolve, reject) => {
      const who = { organizationId, principalId: principal.id };
      const size = { length: input.length, queuedAt: this.#now() };
      const question = { input, ...who, ...size, resolve, reject };
      if (this.#isClosed) this.#turnAway([question]);
      else if (this.#outage.isDead) void this.#tryOut(question);
      else if (!this.#queue.push(question)) this.#turnAway([question]);
    });
    this.#pending.set(input, answer);
    const forget = () => this.#pending.delete(input);
    answer.then(forget, forget);
    this.#schedule();
    return answer;
  }

  async #tryOut(question: Question): Promise<void> {
    const [all, ofOne] = this.#trials;
    const release = takeAll([() => ofOne.take(question.organizationId), () => all.take('')]);
    if (!release) return this.#turnAway([question]);
    await this.#send([question]);
    release();
  }

  /** Once all that is asked at this moment is queued, so that it can share a request. */
  #schedule(): void {
    if (this.#isScheduled || this.#queue.size === 0) return;
    this.#isScheduled = true;
    this.#sweep ??= setInterval(() => this.#sweepQueue(), sweepMs).unref();
    setImmediate(() => {
      this.#isScheduled = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    const isReady = (organizationId: string) =>
      (this.#sending.get(organizationId) ?? 0) < maxConnectionsOfOne;
    while (this.#sendingTotal < maxConnections) {
      const turn = this.#queue.take(this.#batch ? maxBatch : 1, isReady);
      if (turn.length === 0) return;
      void this.#send(turn);
    }
  }

  /** `questions` are of one organization, at least one. */
  async #send(questions: readonly Question[]): Promise<void> {
    const organizationId = questions[0]?.organizationId ?? '';
    this.#countSending(organizationId, 1);
    const before = this.#outage.answers;
    try {
      const sentAt = this.#now();
      const answers = await this.#client.ask(questions.map(({ input }) => input));
      this.#outage.answered();
      const ttl = Math.max(1, answerMs - (this.#now() - sentAt));
      for (const [index, question] of questions.entries())
        this.#settle(question, answers[index] ?? false, ttl);
    } catch (error) {
      this.#fail(questions, error, before);
    } finally {
      this.#countSending(organizationId, -1);
      this.#schedule();
    }
  }

  #settle({ input, resolve }: Question, answer: boolean, ttl: number): void {
    this.#answered = input;
    this.#answers.set(input, answer, { ttl });
    this.#onQuestion(answer ? 'permitted' : 'refused');
    resolve(answer);
  }

  /** `answers`: how many there had been when these were sent. */
  #fail(questions: readonly Question[], error: unknown, answers: number): void {
    for (const { reject } of questions) {
      this.#onQuestion('unanswered');
      reject(unavailable(error));
    }
    if (this.#isClosed) return;
    this.#outage.failed(error, questions.length, { isSilent: isSilence(error), answers });
    if (!this.#outage.isDead) return;
    this.#turnAway(this.#queue.takeAll());
    const input = this.#answered ?? questions[0]?.input ?? '';
    this.#looking ??= setInterval(() => this.#look(input), this.#retryMs).unref();
  }

  /** Whether anything answers again; nobody's request waits for this. */
  async #look(input: string): Promise<void> {
    if (!this.#outage.isDead) {
      clearInterval(this.#looking);
      this.#looking = undefined;
    } else if (this.#looks < maxLooks) {
      this.#looks += 1;
      const { answers } = this.#outage;
      await this.#client.ask([input]).then(
        () => this.#outage.answered(),
        (error: unknown) =>
          !this.#isClosed && this.#outage.failed(error, 0, { isSilent: isSilence(error), answers }),
      );
      this.#looks -= 1;
    }
  }

  #turnAway(questions: readonly Question[]): void {
    for (const { reject } of questions) {
      this.#onQuestion('turned_away');
      reject(unavailable(new Error('The record authorizer was not asked: too much waits, or it is dead.')));
    }
  }

  #sweepQueue(): void {
    this.#turnAway(this.#queue.takeOlder(this.#now() - maxWaitMs));
    if (this.#queue.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  #countSending(organizationId: string, sign: 1 | -1): void {
    this.#sendingTotal += sign;
    const sending = (this.#sending.get(organizationId) ?? 0) + sign;
    if (sending > 0) this.#sending.set(organizationId, sending);
    else this.#sending.delete(organizationId);
  }
}

function toInput({ principal, organizationId }: Viewer, { action, record, field }: RecordQuestion): string {
  const { id, kind, name } = principal;
  const of = { type: record.type, id: record.id };
  return JSON.stringify({ principal: { id, kind, name }, organizationId, action, record: of, field });
}

/** A connection that is refused or broken costs no time; one on which nothing comes keeps its place for the whole time limit. */
const isSilence = (error: unknown) => error instanceof Error && error.name === 'TimeoutError';

const unavailable = (cause: unknown) => new AttachmentError('AUTHORIZER_UNAVAILABLE', { cause });
