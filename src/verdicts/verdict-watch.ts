import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import { In } from '../database/typeorm.js';
import type { Change, Changes } from '../model/changes.js';

/** A verdict that another process has written shows at the next look. */
const lookMs = 1_000;
/** A statement takes only so many parameters. */
const idsAtOnce = 1_000;

interface Holder {
  /** Ids of the attachments whose verdict is outstanding, as far as known. */
  awaited: Set<string>;
  release(): void;
}

/** Lets any number wait for verdicts, at the cost of one listener and one look a second for all of them. */
export class VerdictWatch {
  readonly #database: Database;
  readonly #changes: Changes;
  readonly #holders = new Set<Holder>();
  #stop: (() => void) | null = null;

  constructor({ database, changes }: { database: Database; changes: Changes }) {
    this.#database = database;
    this.#changes = changes;
  }

  /** Resolves once none of these attachments is without a verdict, or after `ms`. */
  async hold(attachmentIds: readonly string[], ms: number): Promise<void> {
    if (attachmentIds.length === 0 || ms <= 0) return;
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const holder = { awaited: new Set(attachmentIds), release: () => release() };
    const timer = setTimeout(release, ms);
    this.#add(holder);
    try {
      // Listening has begun: whatever happens while the rows are read is heard.
      await this.#look(attachmentIds);
      await released;
    } finally {
      clearTimeout(timer);
      this.#remove(holder);
    }
  }

  #add(holder: Holder): void {
    this.#holders.add(holder);
    this.#stop ??= this.#watch();
  }

  #remove(holder: Holder): void {
    this.#holders.delete(holder);
    if (this.#holders.size > 0) return;
    this.#stop?.();
    this.#stop = null;
  }

  #watch(): () => void {
    // A look that fails is made up for by the next one.
    const timer = setInterval(() => void this.#look(this.#allAwaited()).catch(() => undefined), lookMs);
    const stopListening = this.#changes.listen(this.#onChange);
    return () => {
      clearInterval(timer);
      stopListening();
    };
  }

  readonly #onChange = (changes: readonly Change[]): void => {
    const awaited = new Set(this.#allAwaited());
    const concerned = changes.flatMap(({ attachmentId: id }) => (awaited.has(id) ? [id] : []));
    if (concerned.length > 0) void this.#look(concerned).catch(() => undefined);
  };

  #allAwaited(): string[] {
    return [...new Set([...this.#holders].flatMap(({ awaited }) => [...awaited]))];
  }

  async #look(ids: readonly string[]): Promise<void> {
    const pending = await this.#findPending(ids);
    const judged = ids.filter((id) => !pending.has(id));
    for (const { awaited, release } of this.#holders) {
      for (const id of judged) awaited.delete(id);
      if (awaited.size === 0) release();
    }
  }

  async #findPending(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (let from = 0; from < ids.length; from += idsAtOnce) {
      for (const id of await this.#pendingAmong(ids.slice(from, from + idsAtOnce))) found.add(id);
    }
    return found;
  }

  async #pendingAmong(ids: readonly string[]): Promise<string[]> {
    const rows = await this.#database.read
      .createQueryBuilder(AttachmentRow, 'a')
      .innerJoin(BlobRow, 'b', 'b.id = a.blobId')
      .select('a.id', 'id')
      .where({ id: In([...ids]) })
      .andWhere(`b.verdict = 'PENDING'`)
      .getRawMany<{ id: string }>();
    return rows.map(({ id }) => id);
  }
}
