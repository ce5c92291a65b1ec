import { readBodies } from '../../../src/database/blob-bodies.js';
import { openPostgres } from '../../../src/database/postgres.js';
import { startPostgres } from '../../support/postgres.js';
import { severalAtOnce } from '../../support/several-at-once.js';
import { Cluster } from './cluster.js';

test('reads and uploads go on while somebody else changes the types of columns', async () => {
  await using cluster = await Cluster.open();
  const service = await cluster.serve({ SCANNER: 'none' });
  const { id } = await service.client.upload({ content: 'before', name: 'a.txt' });
  const rounds = Array.from({ length: 60 }, (_, index) => index);
  const useAll = () =>
    severalAtOnce(rounds, async (index) => {
      const { attachment } = await service.client.ask<{ attachment: { fileName: string } }>(
        'query ($id: ID!) { attachment(id: $id) { fileName } }',
        { id },
      );
      expect(attachment.fileName).toBe('a.txt');
      const made = await service.client.upload({ content: `round ${index}`, name: 'b.txt' });
      expect(await (await service.client.download(made.url)).text()).toBe(`round ${index}`);
    });
  await useAll();
  await cluster.query(`ALTER TABLE attachments ALTER COLUMN file_name TYPE varchar(4000) COLLATE "C"`);
  await cluster.query('ALTER TABLE blob_bodies ADD COLUMN more integer');
  await useAll();
  await cluster.query('ALTER TABLE attachments ALTER COLUMN file_name TYPE text COLLATE "C"');
  await useAll();
});

test('a read by a key is parsed once for a connection', async () => {
  const postgres = await startPostgres();
  const database = await openPostgres({ url: postgres.url, poolSize: 2, statementTimeoutMs: 10_000 });
  for (let left = 8; left > 0; left -= 1) await readBodies(database.read, ['none']);
  const prepared = await database.read.query<{ statement: string; runs: number }[]>(
    `SELECT statement, (generic_plans + custom_plans)::int AS runs FROM pg_prepared_statements WHERE name <> ''`,
  );
  expect(prepared).toEqual([{ statement: expect.stringContaining('FROM blob_bodies'), runs: 8 }]);
  await database.close();
  await postgres.stop();
});
