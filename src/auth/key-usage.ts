import { LRUCache } from 'lru-cache';
import type { Database } from '../database/database.js';
import { ApiKeyRow } from '../database/entities/api-key.js';

/** Remembers when keys were used, without a write for each request. */
export interface KeyUsage {
  note(keyId: string): void;
  /** Writes what is not written yet, and ends. */
  close(): Promise<void>;
}

interface KeyUsageDependencies {
  database: Database;
  clock: () => Date;
  /** Told of uses that could not be written; the key's next use makes up for it. */
  onUsageLost(error: unknown): void;
}

/** Each key's use is written this often at most. */
const intervalMs = 60_000;
const maxKeys = 10_000;

export function createKeyUsage({ database, clock, onUsageLost }: KeyUsageDependencies): KeyUsage {
  const writtenAt = new LRUCache<string, Date>({ max: maxKeys });
  const unwritten = new Map<string, Date>();
  let writing: Promise<void> = Promise.resolve();

  const isDue = (keyId: string, now: Date) =>
    now.getTime() - (writtenAt.get(keyId)?.getTime() ?? Number.NEGATIVE_INFINITY) >= intervalMs;
  const write = (uses: [string, Date][]) => {
    for (const [keyId, usedAt] of uses) {
      unwritten.delete(keyId);
      writtenAt.set(keyId, usedAt);
    }
    if (uses.length > 0) writing = writing.then(() => writeUses(database, uses)).catch(onUsageLost);
  };
  const timer = setInterval(() => {
    const now = clock();
    write([...unwritten].filter(([keyId]) => isDue(keyId, now)));
  }, intervalMs / 6);
  timer.unref();

  return {
    note(keyId) {
      const now = clock();
      if (isDue(keyId, now)) write([[keyId, now]]);
      else if (unwritten.size < maxKeys || unwritten.has(keyId)) unwritten.set(keyId, now);
    },
    async close() {
      clearInterval(timer);
      write([...unwritten]);
      await writing;
    },
  };
}

async function writeUses(database: Database, uses: readonly [string, Date][]): Promise<void> {
  await database.write(async (manager) => {
    for (const [id, lastUsedAt] of uses) await manager.update(ApiKeyRow, { id }, { lastUsedAt });
  });
}
