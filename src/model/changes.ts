import type { EntityManager } from 'typeorm';
import type { AttachmentRow } from '../database/entities/attachment.js';
import { Parameters } from '../database/read-rows.js';
import type { RecordRef } from './record.js';

/** One attachment whose status or place has changed, or that is gone: committed, and visible to whoever reads now. */
export interface Change {
  organizationId: string;
  attachmentId: string;
  /** All that it belongs to, and those that it has just left. */
  records: readonly RecordRef[];
  /** Only those that it has left are named: nobody listened who would ask for the others. */
  isPartial?: true;
}

export type ChangeListener = (changes: readonly Change[]) => void;

/**
 * Tells those who wait within this process. What it says is a hint: whoever hears it reads the rows. Whatever joins processes
 * sends what `relayTo` gives it, and calls `deliver` with what it receives.
 */
export class Changes {
  readonly #listeners = new Set<ChangeListener>();
  readonly #gapListeners = new Set<() => void>();
  #relay: ChangeListener | null = null;

  /**
   * The changes to publish after the commit of the caller's transaction. Each names every record that owns or links to
   * the attachment just now, and those it has `left`. For an attachment that is about to be deleted, call this first. Where nobody
   * listens yet, only those it has `left` are looked at.
   */
  async describe(
    manager: EntityManager,
    attachments: readonly Described[],
    left: readonly RecordRef[] = [],
  ): Promise<Change[]> {
    const isHeard = this.#listeners.size > 0 || this.#relay !== null;
    if (isHeard) return describeChanges(manager, attachments, left);
    return attachments.map(({ id, organizationId }) => ({
      ...{ organizationId, attachmentId: id },
      records: left,
      isPartial: true,
    }));
  }

  /** The changes as `describe` gives them, of attachments that may leave fields which the caller does not know; to be called before they do. */
  describeLeaving(manager: EntityManager, attachments: readonly Described[]): Promise<Change[]> {
    return describeChanges(manager, attachments, []);
  }

  /** To be called after the commit. */
  publish(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    this.deliver(changes);
    this.#relay?.(changes);
  }

  /** Tells listeners here of what has been published elsewhere. */
  deliver(changes: readonly Change[]): void {
    tellInRounds(this.#listeners, (listener) => listener(changes));
  }

  /** Tells that others may have published what was not heard here. */
  deliverGap(): void {
    tellInRounds(this.#gapListeners, (listener) => listener());
  }

  /** The result ends it. */
  listenForGaps(listener: () => void): () => void {
    this.#gapListeners.add(listener);
    return () => this.#gapListeners.delete(listener);
  }

  /** Has everything that is published here sent on, too. */
  relayTo(relay: ChangeListener): void {
    this.#relay = relay;
  }

  /** The result ends it. */
  listen(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Each wakes somebody who goes on at once: thousands of them together would hold up everybody else. */
const toldInRound = 250;

/** Tells the listeners that there are now, unless they leave first: some at once, and others in the next rounds of the event loop. */
function tellInRounds<Listener>(listeners: ReadonlySet<Listener>, tell: (listener: Listener) => void): void {
  const waiting = [...listeners];
  const tellSome = () => {
    for (const listener of waiting.splice(0, toldInRound)) if (listeners.has(listener)) tell(listener);
    if (waiting.length > 0) setImmediate(tellSome);
  };
  tellSome();
}

type Described = Pick<AttachmentRow, 'id' | 'organizationId' | 'recordType' | 'recordId'>;

async function describeChanges(
  manager: EntityManager,
  attachments: readonly Described[],
  left: readonly RecordRef[],
): Promise<Change[]> {
  const links = await readPlaces(
    manager,
    attachments.map(({ id }) => id),
  );
  return attachments.map(({ id: attachmentId, organizationId, recordType, recordId }) => {
    const owner = recordType !== null && recordId !== null ? [{ type: recordType, id: recordId }] : [];
    return {
      organizationId,
      attachmentId,
      records: distinct([...owner, ...(links.get(attachmentId) ?? []), ...left]),
    };
  });
}

async function readPlaces(
  manager: EntityManager,
  ids: readonly string[],
): Promise<ReadonlyMap<string, RecordRef[]>> {
  const places = new Map<string, RecordRef[]>();
  if (ids.length === 0) return places;
  const sql = new Parameters(manager);
  // An attachment may be in thousands of fields, of a few records.
  const rows = await manager.query<{ attachment_id: string; type: string; id: string }[]>(
    `SELECT DISTINCT link.attachment_id, field.record_type AS type, field.record_id AS id
      FROM links link JOIN record_fields field ON field.id = link.field_id
      WHERE ${sql.isOneOf('link.attachment_id', ids)}`,
    sql.values,
  );
  for (const { attachment_id: attachmentId, type, id } of rows) {
    const known = places.get(attachmentId) ?? [];
    known.push({ type, id });
    places.set(attachmentId, known);
  }
  return places;
}

function distinct(records: readonly RecordRef[]): RecordRef[] {
  return [...new Map(records.map(({ type, id }) => [JSON.stringify([type, id]), { type, id }])).values()];
}
