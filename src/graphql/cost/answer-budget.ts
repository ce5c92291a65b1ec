import type { AttachmentError } from '../../errors.js';
import type { TurnKey, Turns } from '../../limits/turns.js';
import { type Cost, free, introspectionLimits, type QueryLimits, tooComplex } from './query-limits.js';

/** Bytes of memory that a value takes while an answer is made, beside its text. */
const memoryPerValue = 100;

/** Memory is taken in steps of so many bytes. */
const memoryStep = 64 * 1024;

/** Bytes of memory that one answer within these limits may take. */
export function answerMemory({ bytes, cost }: Pick<QueryLimits, 'cost' | 'bytes'>): number {
  const own = bytes + memoryPerValue * cost;
  return own + introspectionLimits.bytes + memoryPerValue * introspectionLimits.cost + memoryStep;
}

export interface AnswerBudgetOptions {
  limits: Pick<QueryLimits, 'cost' | 'bytes'>;
  turns: Turns;
  /** The client that the answer is for. */
  key: TurnKey;
  /** Takes memory for answers under way. Throws if there is none left for this client. */
  reserve(bytes: number): void;
}

/** Counts an answer while it is made, and says when to stop: what was estimated before does not bind a database. */
export class AnswerBudget {
  values = 0;
  bytes = 0;
  introspected = free;
  /** Whether the items of long lists are promises that resolve in turns: graphql-js takes no turns by itself. */
  handsItemsOut = true;
  /** Why the answer is not made, or made no further. */
  fault: AttachmentError | null = null;
  #reserved = 0;
  readonly #made = new Map<string, unknown>();

  constructor(private readonly options: AnswerBudgetOptions) {}

  get turns(): Turns {
    return this.options.turns;
  }

  get key(): TurnKey {
    return this.options.key;
  }

  get limits(): AnswerBudgetOptions['limits'] {
    return this.options.limits;
  }

  /** Calls back after the items of this client's answers that wait for their turn, so that their loads share a statement. */
  afterItems(callback: () => void): void {
    const { turns, key } = this.options;
    const go = () => (turns.isWaiting(key) ? turns.enqueue(key, callback) : callback());
    void Promise.resolve().then(() => process.nextTick(go));
  }

  /** False once a limit is passed. */
  spend(values: number, bytes: number): boolean {
    if (this.fault) return false;
    this.values += values;
    this.bytes += bytes;
    const { limits } = this.options;
    if (this.values > limits.cost) this.fault = tooComplex(limits, 'cost');
    else if (this.bytes > limits.bytes) this.fault = tooComplex(limits, 'bytes');
    else this.fault = this.#reserve();
    return this.fault === null;
  }

  /** Counts what graphql-js adds of the schema; that has limits of its own, which hold before it is executed. */
  addIntrospection({ values, bytes }: Cost): void {
    const sum = this.introspected;
    this.introspected = { values: sum.values + values, bytes: sum.bytes + bytes };
    this.fault ??= this.#reserve();
  }

  /** For an answer that comes in several parts, each of which may have as much. */
  restart(): void {
    this.values = 0;
    this.bytes = 0;
    this.fault = null;
    this.forget();
  }

  /** For a change: nothing that was made of the rows before it holds for those after it. */
  forget(): void {
    this.#made.clear();
  }

  /** The result of `make`, which is called once in an answer for each name, or once in each field of a mutation. */
  once<Value>(name: string, make: () => Value): Value {
    if (!this.#made.has(name)) this.#made.set(name, make());
    return this.#made.get(name) as Value;
  }

  #reserve(): AttachmentError | null {
    const { values, bytes } = this.introspected;
    const needed = this.bytes + bytes + memoryPerValue * (this.values + values);
    if (needed <= this.#reserved) return null;
    const step = needed - this.#reserved + memoryStep;
    try {
      this.options.reserve(step);
    } catch (error) {
      return error as AttachmentError;
    }
    this.#reserved += step;
    return null;
  }
}
