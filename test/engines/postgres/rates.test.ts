import { report } from '../../support/report.js';
import { Cluster } from './cluster.js';

test('requests of one credential are counted by all processes together, and each for itself while the database is away', async () => {
  await using cluster = await Cluster.open();
  const limits = { RATE_LIMIT_PER_MINUTE: '30' };
  const services = await Promise.all([cluster.serve(limits), cluster.serve(limits)]);
  const ask = async (index: number) => {
    const { client } = services[index % 2 === 0 ? 0 : 1];
    return (await client.graphql('{ viewer { organizationId } }')).status;
  };
  const statuses: number[] = [];
  for (let index = 0; index < 40; index += 1) statuses.push(await ask(index));
  expect(statuses.filter((status) => status === 200)).toHaveLength(30);
  expect(statuses.slice(30)).toEqual(Array(10).fill(429));
  await cluster.postgres.crash();
  // Counted by itself, and known for a second; after that nobody can tell whether the key is still good.
  expect([200, 503]).toContain(await ask(0));
  await cluster.postgres.restart();
  report(
    `of 40 requests over two processes ${statuses.filter((status) => status === 429).length} were refused`,
  );
}, 120_000);
