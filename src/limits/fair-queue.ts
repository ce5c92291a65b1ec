import { keepSpan } from '../tracing.js';
import { principalKey } from './places.js';

/** The owner of a piece of work, whose time it takes. */
export interface Owner {
  organizationId: string;
  principalId: string;
}

/** Time for which work has run, after which all earlier use counts half. */
const halfLifeMs = 10_000;
const forgottenBelowMs = 1;

/**
 * Work that waits for a place to run. The organization that has used least time lately comes first, within it the
 * principal that has, within that the first to come. So who brings slow work waits, and the others wait for one piece of it
 * at most, however many there are. Past `capacity`, the longest line loses its last place; past `capacityOfOrganization`, the
 * longest one of that organization.
 */
export class FairQueue<Item> {
  readonly #capacity: number;
  readonly #capacityOfOrganization: number;
  readonly #lines = new Map<string, Map<string, Item[]>>();
  readonly #usedMs = new Map<string, number>();
  #sinceHalvingMs = 0;
  #size = 0;

  constructor(capacity: number, capacityOfOrganization = capacity) {
    this.#capacity = capacity;
    this.#capacityOfOrganization = capacityOfOrganization;
  }

  get size(): number {
    return this.#size;
  }

  /** Returns what has lost its place, which may be the same item; null while there is room. */
  add({ organizationId, principalId }: Owner, item: Item): Item | null {
    const line = getOrAdd(this.#lines, organizationId, () => new Map<string, Item[]>());
    getOrAdd(line, principalId, () => []).push(item);
    this.#size += 1;
    if (this.#size > this.#capacity)
      return this.#dropLast(...longest(this.#lines, (principals) => lengthOf(principals)));
    return lengthOf(line) > this.#capacityOfOrganization ? this.#dropLast(organizationId, line) : null;
  }

  /** Removes and returns what is to run next, with its owner; null if nothing waits. */
  take(): (Owner & { item: Item }) | null {
    const organizationId = this.#leastUsing(this.#lines.keys(), (id) => id);
    if (organizationId === null) return null;
    const line = this.#lines.get(organizationId);
    const principalId = this.#leastUsing(line?.keys() ?? [], (id) => principalKey(organizationId, id));
    if (!line || principalId === null) return null;
    const item = this.#remove(organizationId, line, principalId, (items) => items.shift());
    return item === undefined ? null : { organizationId, principalId, item };
  }

  /** Notes that work has run for so long. */
  use({ organizationId, principalId }: Owner, ms: number): void {
    for (const key of [organizationId, principalKey(organizationId, principalId)])
      this.#usedMs.set(key, (this.#usedMs.get(key) ?? 0) + ms);
    this.#sinceHalvingMs += ms;
    if (this.#sinceHalvingMs >= halfLifeMs) this.#halve();
  }

  #halve(): void {
    this.#sinceHalvingMs = 0;
    for (const [key, ms] of this.#usedMs) {
      if (ms < forgottenBelowMs) this.#usedMs.delete(key);
      else this.#usedMs.set(key, ms / 2);
    }
  }

  #leastUsing(ids: Iterable<string>, keyOf: (id: string) => string): string | null {
    let least: string | null = null;
    let leastMs = Number.POSITIVE_INFINITY;
    for (const id of ids) {
      const ms = this.#usedMs.get(keyOf(id)) ?? 0;
      if (ms >= leastMs) continue;
      least = id;
      leastMs = ms;
    }
    return least;
  }

  #dropLast(organizationId: string, line: Map<string, Item[]>): Item | null {
    const [principalId] = longest(line, (items) => items.length);
    return this.#remove(organizationId, line, principalId, (items) => items.pop()) ?? null;
  }

  #remove(
    organizationId: string,
    line: Map<string, Item[]>,
    principalId: string,
    pick: (items: Item[]) => Item | undefined,
  ): Item | undefined {
    const items = line.get(principalId) ?? [];
    const item = pick(items);
    if (items.length === 0) line.delete(principalId);
    if (line.size === 0) this.#lines.delete(organizationId);
    this.#size -= 1;
    return item;
  }
}

const lengthOf = (line: ReadonlyMap<string, readonly unknown[]>): number =>
  [...line.values()].reduce((sum, items) => sum + items.length, 0);

function getOrAdd<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

/** The map must not be empty. */
function longest<Value>(map: Map<string, Value>, lengthOf: (value: Value) => number): [string, Value] {
  return [...map].reduce((one, other) => (lengthOf(other[1]) > lengthOf(one[1]) ? other : one));
}

export interface FairWorkOptions<Task, Result> {
  /** Pieces that wait, of all and of one organization. */
  capacity: number;
  capacityOfOrganization?: number;
  /** A piece waits for so long at most. */
  patienceMs: number;
  /** Pieces that are done at once: one if left out. */
  atOnce?: number;
  /** A piece under way for so long while the event loop rests waits elsewhere: the next begins beside it. Never if left out. */
  heldMs?: number;
  run(task: Task): Promise<Result>;
  whenFull(): Error;
  whenLate(): Error;
  whenClosed(): Error;
}

/** The event loop has rested if it computed for less of a while. After so many without a rest, others wait no longer. */
const busyShare = 0.7;
const mostWhiles = 10;

/** Calls back after `ms` of which the event loop has rested for a part. The result ends it. */
function afterRest(ms: number, callback: () => void): () => void {
  let begin = performance.eventLoopUtilization();
  let whiles = 0;
  const timer = setInterval(() => {
    whiles += 1;
    const { utilization } = performance.eventLoopUtilization(begin);
    begin = performance.eventLoopUtilization();
    if (utilization > busyShare && whiles < mostWhiles) return;
    clearInterval(timer);
    callback();
  }, ms);
  return () => clearInterval(timer);
}

interface Waiting<Task, Result> {
  task: Task;
  /** Runs work in the span of whoever has brought the task. */
  inSpan: ReturnType<typeof keepSpan>;
  /** Refuses it once it has waited too long. */
  timer: NodeJS.Timeout;
  isRefused: boolean;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** Does work of many owners, a few pieces at once, in the turns of a FairQueue. */
export class FairWork<Task, Result> {
  readonly #queue: FairQueue<Waiting<Task, Result>>;
  readonly #options: FairWorkOptions<Task, Result>;
  readonly #underWay = new Set<Promise<void>>();
  #free: number;
  #isClosed = false;

  constructor(options: FairWorkOptions<Task, Result>) {
    this.#options = options;
    this.#queue = new FairQueue(options.capacity, options.capacityOfOrganization);
    this.#free = options.atOnce ?? 1;
  }

  /** Does the task when it is its owner's turn. Throws what the options say if too much waits, or it waits too long. */
  do(owner: Owner, task: Task): Promise<Result> {
    const { patienceMs, whenLate, whenFull, whenClosed } = this.#options;
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw whenClosed();
      const refuse = () => {
        item.isRefused = true;
        reject(whenLate());
      };
      const timer = setTimeout(refuse, patienceMs);
      const item = { task, inSpan: keepSpan(), timer, isRefused: false, resolve, reject };
      const dropped = this.#queue.add(owner, item);
      clearTimeout(dropped?.timer);
      dropped?.reject(whenFull());
      this.#fill();
    });
  }

  /** Takes no more, and lets all that waits fail. */
  close(): void {
    this.#isClosed = true;
    for (let next = this.#take(); next; next = this.#take()) next.item.reject(this.#options.whenClosed());
  }

  /** Resolves once nothing runs. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #fill(): void {
    while (this.#free > 0) {
      const next = this.#take();
      if (!next) return;
      this.#free -= 1;
      const work = this.#run(next).finally(() => this.#underWay.delete(work));
      this.#underWay.add(work);
    }
  }

  async #run({ item, ...owner }: Owner & { item: Waiting<Task, Result> }): Promise<void> {
    const { heldMs, run } = this.#options;
    const start = performance.now();
    let isHeld = true;
    const pass = () => {
      if (!isHeld) return;
      isHeld = false;
      this.#queue.use(owner, performance.now() - start);
      this.#free += 1;
      this.#fill();
    };
    const stopWaiting = heldMs === undefined ? undefined : afterRest(heldMs, pass);
    try {
      item.resolve(await item.inSpan(() => run(item.task)));
    } catch (error) {
      item.reject(error);
    } finally {
      stopWaiting?.();
      pass();
    }
  }

  /** The next piece that has not been refused meanwhile. */
  #take() {
    let next = this.#queue.take();
    while (next?.item.isRefused) next = this.#queue.take();
    clearTimeout(next?.item.timer);
    return next;
  }
}
