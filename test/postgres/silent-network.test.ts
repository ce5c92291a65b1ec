import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { report } from '../support/report.js';
import { Cluster } from './cluster.js';

/** Stands before the database. In silence it takes what is sent and answers nothing, on what was open then for good. */
class SwallowingProxy {
  isSilent = false;
  swallowed = 0;
  readonly #server: Server = createServer((client) => this.#join(client));
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  readonly #lost = new Set<Socket>();

  constructor(url: string) {
    this.#target = new URL(url);
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const url = new URL(this.#target);
    url.port = String((this.#server.address() as { port: number }).port);
    return url.href;
  }

  silence(): void {
    this.isSilent = true;
    for (const socket of this.#sockets) this.#lost.add(socket);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket): void {
    const server = connect(Number(this.#target.port), this.#target.hostname);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      if (this.isSilent) this.#lost.add(from);
      from.on('data', (bytes: Buffer) => {
        if (this.#lost.has(from)) this.swallowed += bytes.length;
        else to.write(bytes);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
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
