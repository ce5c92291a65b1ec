import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { randomKey } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const rounds = roundsOf(3);

interface Acknowledged {
  id: string;
  url: string;
  hash: string;
  size: number;
}

describe('kill -9 during uploads', () => {
  test.each([16_384, 0])(
    `${rounds} times, with files of up to %d bytes in rows: every acknowledged file is there and whole`,
    async (inlineMaxBytes) => {
      const directory = await makeTemporaryDirectory();
      const random = seededRandom();
      const env = {
        DATA_DIR: directory,
        BOOTSTRAP_API_KEY: randomKey(),
        INLINE_MAX_BYTES: String(inlineMaxBytes),
      };
      const acknowledged: Acknowledged[] = [];
      let cutOff = 0;
      for (let round = 0; round < rounds; round += 1) {
        const service = await spawnService(env);
        const uploadUntilKilled = async () => {
          for (;;) {
            const size =
              random.next() < 0.3 ? random.integer(3 * 2 ** 20, 5 * 2 ** 20) : random.integer(0, 20_000);
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
        const uploaders = Array.from({ length: 4 }, uploadUntilKilled);
        while (acknowledged.length === before) await sleep(5);
        await sleep(random.integer(0, 150));
        await service.end('SIGKILL');
        await Promise.all(uploaders);
      }
      const service = await spawnService(env);
      for (const { url, hash, size } of acknowledged) {
        const response = await service.client.download(url);
        const bytes = Buffer.from(await response.arrayBuffer());
        expect([response.status, bytes.length, sha256(bytes)]).toEqual([200, size, hash]);
      }
      report(
        `seed ${random.seed}: ${rounds} kills, ${inlineMaxBytes} bytes in rows, ${acknowledged.length} acknowledged and whole, ${cutOff} cut off`,
      );
      expect(acknowledged.length).toBeGreaterThan(rounds);
      await service.end('SIGTERM');
      await rm(directory, { recursive: true, force: true });
    },
    180_000,
  );
});
