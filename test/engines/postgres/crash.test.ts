import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { uploadUnderKills } from '../../support/uploads-under-kills.js';
import { Cluster } from './cluster.js';

const rounds = roundsOf(3);

describe('kill -9 during uploads on PostgreSQL, of the service and at random of its database', () => {
  test.each([16_384, 0])(
    `${rounds} times, with files of up to %d bytes in rows: every acknowledged file is there and whole`,
    async (inlineMaxBytes) => {
      await using cluster = await Cluster.open({ syncs: true });
      const { postgres } = cluster;
      const random = seededRandom();
      let crashes = 0;
      const { acknowledged, cutOff } = await uploadUnderKills({
        rounds,
        random,
        uploaders: 16,
        // Files that wait for a scan cannot be fetched.
        start: () => cluster.serve({ INLINE_MAX_BYTES: String(inlineMaxBytes), SCANNER: 'none' }),
        kill: async (service) => {
          const isDatabaseFirst = random.next() < 0.5;
          if (isDatabaseFirst) {
            crashes += 1;
            await postgres.crash();
          }
          await service.end('SIGKILL');
          if (isDatabaseFirst) await postgres.restart();
        },
      });
      report(
        `seed ${random.seed}: ${rounds} kills, ${crashes} of the database too, ${inlineMaxBytes} bytes in rows, ${acknowledged} acknowledged and whole, ${cutOff} cut off`,
      );
      expect(acknowledged).toBeGreaterThan(rounds);
    },
    180_000,
  );
});
