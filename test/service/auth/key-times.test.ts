import { startService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { createKey, listKeys, statusOf, tryCreateKey } from './key-operations.js';

const start = Date.parse('2027-01-01T00:00:00Z');

describe('the time of API keys', () => {
  test('expiry must lie in the future, and ends a key to the millisecond', async () => {
    let now = start;
    await using service = await startService({}, { clock: () => new Date(now) });
    const inPast = await tryCreateKey(service.client, { expiresAt: new Date(now).toISOString() });
    expect(inPast.errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
    const expiresAt = new Date(now + 5_000).toISOString();
    const { apiKey, client } = await createKey(service.client, { expiresAt });
    expect(apiKey.expiresAt).toBe(expiresAt);
    now += 4_999;
    expect(await statusOf(client)).toBe(200);
    now += 1;
    expect(await statusOf(client)).toBe(401);
  });

  test('lastUsedAt is written at the first use, and then once a minute at most', async () => {
    let now = start;
    const statementLogger = new StatementCounter();
    await using service = await startService({}, { clock: () => new Date(now), statementLogger });
    const { apiKey, client } = await createKey(service.client);
    const lastUsedAt = async () => {
      const { nodes } = await listKeys(service.client);
      return nodes.find(({ id }) => id === apiKey.id)?.lastUsedAt ?? null;
    };
    const use = (times: number) =>
      statementLogger.during(async () => {
        for (let time = 0; time < times; time += 1) await statusOf(client);
        await new Promise((resolve) => setTimeout(resolve, 50));
      });
    const writes = (statements: string[]) =>
      statements.filter((text) => text.startsWith('UPDATE "api_keys"'));
    expect(await lastUsedAt()).toBeNull();
    now += 1_000;
    expect(writes(await use(50))).toHaveLength(1);
    expect(await lastUsedAt()).toBe(new Date(start + 1_000).toISOString());
    now += 59_999;
    expect(writes(await use(50))).toHaveLength(0);
    now += 1;
    expect(writes(await use(50))).toHaveLength(1);
    expect(await lastUsedAt()).toBe(new Date(start + 61_000).toISOString());
  });

  test('lastUsedAt is written at the end', async () => {
    let now = start;
    const clock = () => new Date(now);
    const first = await startService({}, { clock });
    const env = { DATA_DIR: first.dataDirectory };
    const service = await startService({ ...env, BOOTSTRAP_API_KEY: first.key }, { clock });
    const { apiKey, client } = await createKey(service.client);
    await statusOf(client);
    now += 30_000;
    await statusOf(client);
    await service.close();
    const { nodes } = await listKeys(first.client);
    const used = nodes.find(({ id }) => id === apiKey.id)?.lastUsedAt;
    expect(used).toBe(new Date(start + 30_000).toISOString());
    await first.close();
  });
});
