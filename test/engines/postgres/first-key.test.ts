import { whoAmI } from '../../service/auth/key-operations.js';
import { Client } from '../../support/client.js';
import { Cluster } from './cluster.js';

test('exactly one of the processes that start at once makes the first key and shows it', async () => {
  await using cluster = await Cluster.open();
  const services = await Promise.all([1, 2, 3].map(() => cluster.serve({ BOOTSTRAP_API_KEY: '' })));
  await Promise.all(services.map(({ url }) => fetch(`${url}/health/live`)));
  const keys = services.flatMap(({ output }) => /cck_[\w-]{40,}/.exec(output().stdout)?.[0] ?? []);
  expect(keys).toHaveLength(1);
  for (const { url } of services) {
    expect((await whoAmI(new Client(url, keys[0] ?? ''))).permissions).toHaveLength(4);
  }
});
