import { createHash } from 'node:crypto';
import { createBoundedCache } from '../bounded-cache.js';
import type { Database } from '../database/database.js';
import { type Actor, type AuditEvent, recordEvents } from './audit-events.js';

/** A file that somebody has fetched, or a part of it. */
export interface FetchedFile {
  attachmentId: string;
  organizationId: string;
  /** Who had a credential, or which signed URL or share link it was, and who had made that. */
  by: { principalId: string } | { link: SignedLink } | { share: SharedBy };
}

export interface SignedLink {
  signature: string;
  /** `keyId` is null for a user with a JSON Web Token. */
  maker: { principalId: string; keyId: string | null };
}

/** A share link, and who has made it. */
export interface SharedBy {
  shareLinkId: string;
  maker: SignedLink['maker'];
}

/** Records downloads: once for each principal, signed URL or share link, file and day (UTC), and none of them has to wait for it. */
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
  const known = createBoundedCache<true>(maxRemembered);
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

/** Who came with a link is not known, but whose it was. */
function detailsOf(by: FetchedFile['by']): object {
  if ('principalId' in by) return { by: 'CREDENTIAL' };
  const { principalId, keyId } = ('share' in by ? by.share : by.link).maker;
  const way = 'share' in by ? { by: 'SHARE_LINK', shareLinkId: by.share.shareLinkId } : { by: 'SIGNED_URL' };
  return { ...way, madeBy: principalId, ...(keyId === null ? {} : { apiKeyId: keyId }) };
}

const principalOf = (by: FetchedFile['by']) => ('principalId' in by ? by.principalId : null);

/** The same text for all that is one event on one day. */
function keyOf({ attachmentId, organizationId, by }: FetchedFile, at: Date): string {
  const day = at.toISOString().slice(0, 10);
  const link = 'link' in by ? by.link.signature : 'share' in by ? by.share.shareLinkId : null;
  const what = JSON.stringify([day, organizationId, attachmentId, principalOf(by), link]);
  return createHash('sha256').update(what).digest('hex');
}

function toEvent(fetched: FetchedFile, at: Date, onceKey: string): [Actor, AuditEvent] {
  const { attachmentId: subjectId, organizationId, by } = fetched;
  const id = principalOf(by);
  const principal = id === null ? null : { id };
  return [
    { organizationId, principal },
    { action: 'ATTACHMENT_DOWNLOADED', subjectId, at, details: detailsOf(by), onceKey },
  ];
}

async function write(database: Database, events: readonly [Actor, AuditEvent][]): Promise<void> {
  for (let from = 0; from < events.length; from += eventsAtOnce)
    await database.write((manager) => recordEvents(manager, events.slice(from, from + eventsAtOnce)));
}
