import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from './seeded-random.js';
import { sha256 } from './sha256.js';
import type { SpawnedService } from './spawned-service.js';

interface Acknowledged {
  id: string;
  /** The path that gives the bytes. */
  url: string;
  hash: string;
  size: number;
}

interface Kills {
  rounds: number;
  random: SeededRandom;
  /** Uploads at once. */
  uploaders: number;
  start(): Promise<SpawnedService>;
  /** Ends the service, and perhaps more, in the middle of uploads. */
  kill(service: SpawnedService): Promise<void>;
}

/**
 * Uploads files of up to 5 MiB until the service is killed, and again. Then fetches all that were acknowledged:
 * each must be there and whole. Returns how many there were, and how many uploads had no answer.
 */
export async function uploadUnderKills({ rounds, random, uploaders, start, kill }: Kills) {
  const acknowledged: Acknowledged[] = [];
  let cutOff = 0;
  for (let round = 0; round < rounds; round += 1) {
    const service = await start();
    const uploadUntilKilled = async () => {
      for (;;) {
        const isLarge = random.next() < 1.2 / uploaders;
        const size = isLarge ? random.integer(3 * 2 ** 20, 5 * 2 ** 20) : random.integer(0, 20_000);
        const content = randomBytes(size);
        const attachment = await service.client.upload({ content }).catch(() => null);
        if (!attachment) {
          cutOff += 1;
          return;
        }
        const { id, url } = attachment;
        acknowledged.push({ id, url: new URL(url).pathname, hash: sha256(content), size });
      }
    };
    const before = acknowledged.length;
    const uploading = Array.from({ length: uploaders }, uploadUntilKilled);
    while (acknowledged.length === before) await sleep(5);
    await sleep(random.integer(0, 150));
    await kill(service);
    await Promise.all(uploading);
  }
  const service = await start();
  for (const { url, hash, size } of acknowledged) {
    const response = await service.client.download(url);
    const bytes = Buffer.from(await response.arrayBuffer());
    expect([response.status, bytes.length, sha256(bytes)]).toEqual([200, size, hash]);
  }
  await service.end('SIGTERM');
  return { acknowledged: acknowledged.length, cutOff };
}
