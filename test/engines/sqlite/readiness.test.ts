import type { Database } from '../../../src/database/database.js';
import { SweepRow } from '../../../src/database/entities/stored-bytes.js';
import { startService, type TestService } from '../../support/service.js';
import { openTestDatabase } from '../../support/test-database.js';
import { untilReadyIs } from '../../support/until-ready.js';

describe('readiness of the embedded database', () => {
  let service: TestService;
  let outside: Database;
  beforeEach(async () => {
    service = await startService();
    outside = await openTestDatabase(service.dataDirectory);
  });
  afterEach(async () => {
    await outside.close();
    await service.close();
  });

  const ready = async () => {
    const answer = await fetch(`${service.url}/health/ready`);
    return [answer.status, await answer.json()];
  };

  test('a database that can be read and not be written is not ready', async () => {
    expect(await ready()).toEqual([200, { status: 'ok' }]);
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    // Another process that does not let go of the file.
    const held = outside.write(async (manager) => {
      await manager.upsert(SweepRow, { name: 'held', sweptUntil: new Date(0) }, ['name']);
      await released;
    });
    await untilReadyIs(service.url, 503);
    expect(await ready()).toEqual([503, { status: 'unavailable', failing: ['database'] }]);
    expect(await service.client.ask('{ viewer { organizationId } }')).toMatchObject({ viewer: {} });
    release();
    await held;
    expect(await untilReadyIs(service.url, 200)).toBe(200);
  });

  test('a look does not wait behind the writes of clients', async () => {
    const order: string[] = [];
    const writes = Array.from({ length: 200 }, (_, index) =>
      outside
        .write((manager) =>
          manager.upsert(SweepRow, { name: `w${index % 5}`, sweptUntil: new Date(index) }, ['name']),
        )
        .then(() => order.push('write')),
    );
    await outside.check().then(() => order.push('check'));
    await Promise.all(writes);
    expect(order.indexOf('check')).toBeLessThan(order.length / 2);
  });
});
