import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../support/jobs-contract.js';
import { report } from '../../support/report.js';
import { Cluster } from './cluster.js';
import { DatabaseProxy } from './database-proxy.js';

/** In silence it takes what is sent and answers nothing, on connections that were open then for good. */
class SwallowingProxy extends DatabaseProxy {
  isSilent = false;
  swallowed = 0;
  /** Silences so far: a connection carries nothing once there has been one more than at its beginning. */
  #silences = 0;

  silence(): void {
    this.isSilent = true;
    this.#silences += 1;
  }

  protected join(client: Socket, server: Socket): void {
    const isLost = this.isSilent;
    const silencesBefore = this.#silences;
    const carry = (from: Socket, to: Socket) => {
      from.on('data', (bytes: Buffer) => {
        if (isLost || this.#silences > silencesBefore) this.swallowed += bytes.length;
        else to.write(bytes);
      });
      from.on('close', () => to.destroy());
    };
    carry(client, server);
    carry(server, client);
  }
}

test('a network that swallows what is sent: every request is answered in time, and all works again once it carries', async () => {
  await using cluster = await Cluster.open();
  const proxy = new SwallowingProxy(cluster.postgres.url);
  const service = await cluster.serve({
    DATABASE_URL: await proxy.open(),
    DATABASE_STATEMENT_TIMEOUT_SECONDS: '1',
  });
  const upload = (name: string) =>
    service.client
      .tryUpload({ content: `${name} `.repeat(50_000), name: `${name}.txt` })
      .then(({ errors }) => errors?.[0]?.extensions.code ?? 'acknowledged');
  const before = await Promise.all(Array.from({ length: 12 }, (_, index) => upload(`before-${index}`)));
  expect(new Set(before)).toEqual(new Set(['acknowledged']));

  proxy.silence();
  const from = performance.now();
  const meanwhile = await Promise.all(Array.from({ length: 20 }, (_, index) => upload(`silent-${index}`)));
  const longestMs = performance.now() - from;
  expect(new Set(meanwhile)).toEqual(new Set(['STORAGE_UNAVAILABLE']));
  expect(longestMs).toBeLessThan(40_000);

  proxy.isSilent = false;
  const again = performance.now();
  while ((await upload('after')) !== 'acknowledged') await pause(100);
  const recoveredMs = performance.now() - again;
  const statuses = async () => {
    const { attachments } = await service.client.ask<{ attachments: { nodes: { status: string }[] } }>(
      '{ attachments(first: 100) { nodes { status } } }',
    );
    return attachments.nodes.map(({ status }) => status);
  };
  while ((await statuses()).some((status) => status !== 'APPROVED')) await pause(100);
  const approvedMs = performance.now() - again;
  expect(await statuses()).toHaveLength(13);
  expect(service.process.exitCode).toBeNull();
  expect(proxy.swallowed).toBeGreaterThan(0);
  report(
    `20 uploads into silence were refused within ${Math.round(longestMs)} ms; then one was taken within ${Math.round(recoveredMs)} ms, and all were scanned within ${Math.round(approvedMs)} ms`,
  );
  proxy.close();
}, 120_000);

/** Carries nothing more on the connection that first brings four creations or more at once, and leaves it open. */
class OneDeadConnection extends DatabaseProxy {
  isFound = false;

  protected join(client: Socket, server: Socket): void {
    let isDead = false;
    client.on('data', (bytes: Buffer) => {
      const names = new Set(bytes.toString('latin1').match(/stuck-\d+\.txt/g));
      if (!this.isFound && names.size >= 4) this.isFound = isDead = true;
      if (!isDead) server.write(bytes);
    });
    server.on('data', (bytes: Buffer) => client.write(bytes));
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
  }
}

test('creations on a connection that is dead keep nobody else waiting', async () => {
  await using cluster = await Cluster.open();
  const proxy = new OneDeadConnection(cluster.postgres.url);
  const service = await cluster.serve({
    DATABASE_URL: await proxy.open(),
    DATABASE_STATEMENT_TIMEOUT_SECONDS: '15',
    SCANNER: 'none',
  });
  const refused: unknown[] = [];
  const upload = async (name: string) => {
    const { errors } = await service.client.tryUpload({ content: name, name: `${name}.txt` });
    if (errors) refused.push(errors[0]?.extensions.code);
    return errors === undefined;
  };
  const uploads = Array.from({ length: 60 }, (_, index) => upload(`stuck-${index}`));
  await until(() => proxy.isFound);
  expect(await upload('after')).toBe(true);
  expect(refused).toEqual([]);

  proxy.close();
  await Promise.all(uploads);
});
