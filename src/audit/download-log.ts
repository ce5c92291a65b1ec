import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Database } from '../database/database.js';
import { type Actor, type AuditEvent, recordEvents } from './record-event.js';

/** A file that somebody has fetched, or a part of it. */
export interface FetchedFile {
  attachmentId: string;
  organizationId: string;
  /** Who had a credential, or which signed URL it was, and who had made that. */
  by: { principalId: string } | { link: SignedLink };
}

export interface SignedLink {
  signature: string;
  /** `keyId` is null for a user with a JSON Web Token. */
  maker: { principalId: string; keyId: string | null };
}

/** Records downloads: once for each principal or signed URL, file and day (UTC), and none of them has to wait for it. */
export interface DownloadLog {
  note(fetched: FetchedFile): void;
  /** Writes what is not written yet, and ends. */
  close(): Promise<void>;
}

interface DownloadLogDependencies {
  database: Database;
  clock: () => Date;
  /** Told of downloads that could not be recorded. */
  onDownloadsLost(error: unknown): void;
}

const flushMs = 500;
const maxRemembered = 100_000;
const maxWaiting = 10_000;
/** Others write in between. */
const eventsAtOnce = 1_000;

export function createDownloadLog({
  database,
  clock,
  onDownloadsLost,
}: DownloadLogDependencies): DownloadLog {
  // By size, for `max` would reserve the memory of all of them at once.
  const known = new LRUCache<string, true>({ maxSize: maxRemembered, sizeCalculation: () => 1 });
  let waiting: [Actor, AuditEvent][] = [];
  let writing: Promise<void> = Promise.resolve();
  const flush = () => {
    const events = waiting;
    waiting = [];
    if (events.length > 0) writing = writing.then(() => write(database, events)).catch(onDownloadsLost);
  };
  const timer = setInterval(flush, flushMs).unref();
  return {
    note(fetched) {
      const at = clock();
      const onceKey = keyOf(fetched, at);
      if (known.has(onceKey)) return;
      known.set(onceKey, true);
      waiting.push(toEvent(fetched, at, onceKey));
      if (waiting.length >= maxWaiting) flush();
    },
    async close() {
      clearInterval(timer);
      flush();
      await writing;
    },
  };
}

/** Who came with the link is not known, but whose it was. */
function detailsOf({ maker: { principalId, keyId } }: SignedLink): object {
  return { by: 'SIGNED_URL', madeBy: principalId, ...(keyId === null ? {} : { apiKeyId: keyId }) };
}

function keyOf({ attachmentId, organizationId, by }: FetchedFile, at: Date): string {
  const day = at.toISOString().slice(0, 10);
  const [principalId, signature] = 'link' in by ? [null, by.link.signature] : [by.principalId, null];
  const what = JSON.stringify([day, organizationId, attachmentId, principalId, signature]);
  return createHash('sha256').update(what).digest('hex');
}

function toEvent(fetched: FetchedFile, at: Date, onceKey: string): [Actor, AuditEvent] {
  const { attachmentId: subjectId, organizationId, by } = fetched;
  const principal = 'link' in by ? null : { id: by.principalId };
  const details = 'link' in by ? detailsOf(by.link) : { by: 'CREDENTIAL' };
  return [
    { organizationId, principal },
    { action: 'ATTACHMENT_DOWNLOADED', subjectId, at, details, onceKey },
  ];
}

async function write(database: Database, events: readonly [Actor, AuditEvent][]): Promise<void> {
  for (let from = 0; from < events.length; from += eventsAtOnce)
    await database.write((manager) => recordEvents(manager, events.slice(from, from + eventsAtOnce)));
}
