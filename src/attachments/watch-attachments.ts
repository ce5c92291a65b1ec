import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { maxPageSize, toPageRequest } from '../database/page.js';
import type { Change, Changes } from '../model/changes.js';
import { isSameRecord, type RecordRef } from '../model/record.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import { listAttachments, newestFirst } from './list-attachments.js';

export interface WatchDependencies {
  database: Database;
  changes: Changes;
  /** An attachment of the viewer's as it is now, null if there is none. Throws if the viewer's credential is not good any more. */
  read(id: string): Promise<StoredAttachment | null>;
}

/** One attachment, or everything that a record has claimed or links to. */
export type WatchTarget = { attachmentId: string } | { record: RecordRef };

/**
 * Everything that happens to an attachment, or to those of a record, from now on: each time the attachment as it is when it
 * is asked for. Of several changes to one that nobody has asked for meanwhile only the last state is told, so a slow reader
 * costs an id for each attachment; where changes in other processes may have been missed, all are told. It ends when the
 * watched attachment is deleted. Not a generator, which could not be ended while it waits. To be asked for one at a time.
 */
export class AttachmentWatch implements AsyncIterableIterator<StoredAttachment> {
  readonly #deps: WatchDependencies;
  readonly #viewer: Viewer;
  readonly #target: WatchTarget;
  /** Ids of what has changed and was not told yet. */
  readonly #changed = new Set<string>();
  readonly #stopListening: () => void;
  /** Changes may have been missed. */
  #hasGap = false;
  #hasEnded = false;
  #wake: () => void = () => {};

  constructor(deps: WatchDependencies, viewer: Viewer, target: WatchTarget) {
    this.#deps = deps;
    this.#viewer = viewer;
    this.#target = target;
    const stops = [
      deps.changes.listen((changes) => this.#note(changes)),
      deps.changes.listenForGaps(() => this.#noteGap()),
    ];
    this.#stopListening = () => {
      for (const stop of stops) stop();
    };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<StoredAttachment>> {
    while (!this.#hasEnded) {
      if (this.#hasGap) await this.#closeGap();
      const [id] = this.#changed;
      if (id === undefined) await this.#change();
      else {
        // Before it is read, so that what changes meanwhile is told once more.
        this.#changed.delete(id);
        const value = await this.#read(id);
        if (value && !this.#hasEnded) return { done: false, value };
        if (!value && 'attachmentId' in this.#target) await this.return();
      }
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<StoredAttachment>> {
    this.#hasEnded = true;
    this.#changed.clear();
    this.#stopListening();
    this.#wake();
    return { done: true, value: undefined };
  }

  /** Tells of this attachment once more, as it is by then. */
  putBack(id: string): void {
    if (!this.#hasEnded) this.#changed.add(id);
  }

  async throw(error: unknown): Promise<never> {
    await this.return();
    throw error;
  }

  async #read(id: string): Promise<StoredAttachment | null> {
    try {
      return await this.#deps.read(id);
    } catch (error) {
      await this.return();
      throw error;
    }
  }

  #noteGap(): void {
    this.#hasGap = true;
    this.#wake();
  }

  /** Then everything that is watched counts as changed. */
  async #closeGap(): Promise<void> {
    this.#hasGap = false;
    const { database } = this.#deps;
    const ids =
      'attachmentId' in this.#target
        ? [this.#target.attachmentId]
        : await idsOfRecord(database, this.#viewer, this.#target.record);
    for (const id of ids) this.#changed.add(id);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #note(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.organizationId !== this.#viewer.organizationId) continue;
      const isConcerned = this.#concerns(change);
      if (isConcerned) this.#changed.add(change.attachmentId);
      // It was made before this watch began, and is told of now.
      else if (isConcerned === null) this.#hasGap = true;
    }
    if (this.#changed.size > 0 || this.#hasGap) this.#wake();
  }

  /** Null where the change does not say. */
  #concerns({ attachmentId, records, isPartial }: Change): boolean | null {
    if ('attachmentId' in this.#target) return attachmentId === this.#target.attachmentId;
    const { record } = this.#target;
    const isNamed = records.some((each) => isSameRecord(each, record));
    return isNamed || (isPartial ? null : false);
  }
}

async function idsOfRecord(
  database: Pick<Database, 'read' | 'list'>,
  viewer: Viewer,
  record: RecordRef,
): Promise<string[]> {
  const page = toPageRequest({ first: maxPageSize });
  const list = { filter: { record }, orderBy: newestFirst };
  const { edges } = await database.list(
    viewer.organizationId,
    database.read,
    (lists) => listAttachments(lists, viewer, list, page),
    true,
  );
  return edges.map(({ node }) => node.attachment.id);
}
