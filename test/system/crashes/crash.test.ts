import { rm } from 'node:fs/promises';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { randomKey } from '../../support/service.js';
import { spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { uploadUnderKills } from '../../support/uploads-under-kills.js';

const rounds = roundsOf(3);

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
      const { acknowledged, cutOff } = await uploadUnderKills({
        rounds,
        random,
        uploaders: 4,
        start: () => spawnService(env),
        kill: async (service) => {
          await service.end('SIGKILL');
        },
      });
      report(
        `seed ${random.seed}: ${rounds} kills, ${inlineMaxBytes} bytes in rows, ${acknowledged} acknowledged and whole, ${cutOff} cut off`,
      );
      expect(acknowledged).toBeGreaterThan(rounds);
      await rm(directory, { recursive: true, force: true });
    },
    180_000,
  );
});
