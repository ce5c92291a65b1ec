import { randomUUID } from 'node:crypto';
import { setInterval } from 'node:timers';
import { createDocumentKey } from '../../../src/storage/document-key.js';
import { createLocalStorage } from '../../../src/storage/local.js';

/**
 * Stores below the named directory until it is killed. `stall`: leaves one object unfinished, says so, and waits.
 * `store`: stores one object after the other, each of its own key repeated, and prints the key after the commit.
 */
const [, , mode, directory = ''] = process.argv;
const storage = createLocalStorage(directory, { reservedBytes: 0 });
const now = new Date('2026-03-04T05:30:00Z');
const organizationId = randomUUID();

async function storeForever(): Promise<never> {
  for (;;) {
    const key = createDocumentKey(organizationId, now);
    const writer = await storage.create(key);
    for (let part = 0; part < 10; part += 1) await writer.write([Buffer.from(key.repeat(1000))]);
    await writer.commit();
    process.stdout.write(`${key}\n`);
  }
}

if (mode === 'stall') {
  const writer = await storage.create(createDocumentKey(organizationId, now));
  await writer.write([Buffer.alloc(2_000_000, 1)]);
  process.stdout.write('written\n');
  setInterval(() => {}, 1000);
} else {
  await Promise.all(Array.from({ length: 4 }, storeForever));
}
