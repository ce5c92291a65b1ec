import type { EntityManager } from 'typeorm';
import { isUnavailable } from './database-faults.js';

/** Longer questions have a statement of their own. */
const maxIdsOfOne = 16;

/** After so many milliseconds a statement is not waited for any longer: the disk may be slow, or the database far away. */
const patienceMs = 2;
const maxStatements = 4;

export interface SharedReadsOptions {
  /** In one statement. */
  maxIds: number;
}

type Read<Found> = (ids: readonly string[]) => Promise<ReadonlyMap<string, Found>>;

interface Waiting<Found> {
  ids: readonly string[];
  resolve(found: Found[]): void;
  reject(reason: unknown): void;
}

/**
 * Reads by ids. Requests that ask in the same turn of the event loop, or while a statement is under way, share the next one: to hand
 * it to a thread and back, or to PostgreSQL, costs many times what it does. Each sees what was committed when it asked, or later.
 */
export class SharedReads<Found> {
  readonly #read: Read<Found>;
  readonly #maxIds: number;
  #waiting: Waiting<Found>[] = [];
  #running = 0;
  #isPlanned = false;
  #patience: NodeJS.Timeout | undefined;

  constructor(read: Read<Found>, { maxIds }: SharedReadsOptions) {
    this.#read = read;
    this.#maxIds = maxIds;
  }

  /** Those of the ids that there are, in their order, each once. All get the same: nobody may change it. */
  async of(ids: readonly string[]): Promise<Found[]> {
    if (ids.length > maxIdsOfOne) return pick(await this.#read(ids), ids);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ids, resolve, reject });
      this.#plan();
    });
  }

  #plan(): void {
    if (this.#isPlanned || this.#waiting.length === 0 || this.#running === maxStatements) return;
    this.#isPlanned = true;
    if (this.#running === 0) setImmediate(() => this.#begin());
    else this.#patience = setTimeout(() => this.#begin(), patienceMs);
  }

  #begin(): void {
    clearTimeout(this.#patience);
    this.#isPlanned = false;
    if (this.#waiting.length === 0) return;
    this.#running += 1;
    void this.#answer(this.#takeGroup()).finally(() => {
      this.#running -= 1;
      this.#begin();
    });
    this.#plan();
  }

  #takeGroup(): Waiting<Found>[] {
    let count = 0;
    const end = this.#waiting.findIndex(({ ids }) => {
      count += ids.length;
      return count > this.#maxIds;
    });
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
  }

  async #answer(group: readonly Waiting<Found>[]): Promise<void> {
    try {
      const found = await this.#read([...new Set(group.flatMap(({ ids }) => ids))]);
      for (const { ids, resolve } of group) resolve(pick(found, ids));
    } catch (error) {
      // Alone each would wait as long again.
      const isForAll = group.length === 1 || isUnavailable(error);
      if (isForAll) for (const { reject } of group) reject(error);
      // It may be the fault of one.
      else await Promise.all(group.map((one) => this.#answer([one])));
    }
  }
}

function pick<Found>(found: ReadonlyMap<string, Found>, ids: readonly string[]): Found[] {
  const picked: Found[] = [];
  for (const id of new Set(ids)) {
    const one = found.get(id);
    if (one !== undefined) picked.push(one);
  }
  return picked;
}

const shared = new WeakMap<EntityManager, Map<unknown, SharedReads<unknown>>>();

/** Those of the ids that there are, in their order, each once. Reads of one `kind` share statements, but for those in a transaction. */
export async function readShared<Found>(
  manager: EntityManager,
  kind: unknown,
  ids: readonly string[],
  read: Read<Found>,
  options: SharedReadsOptions,
): Promise<Found[]> {
  if (manager.queryRunner) return pick(await read(ids), ids);
  const kinds = shared.get(manager) ?? new Map<unknown, SharedReads<unknown>>();
  shared.set(manager, kinds);
  const reads = kinds.get(kind) ?? new SharedReads<unknown>(read, options);
  kinds.set(kind, reads);
  return reads.of(ids) as Promise<Found[]>;
}
