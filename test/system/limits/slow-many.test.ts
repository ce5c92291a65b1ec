import { readdirSync } from 'node:fs';
import { eventually } from '../../service/live/live-client.js';
import { RawConnection, requestHead } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { type SpawnedService, spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

let service: SpawnedService;
let id: string;
beforeAll(async () => {
  service = await spawnService({
    DATA_DIR: await makeTemporaryDirectory(),
    HEADERS_TIMEOUT_SECONDS: '2',
    OPERATIONS_TIMEOUT_SECONDS: '2',
    STALL_TIMEOUT_SECONDS: '2',
  });
  ({ id } = await service.client.upload({ content: 'x' }, { description: 'x'.repeat(10_000) }));
  await service.client.ask('{ viewer { organizationId } }');
});
afterAll(() => service.end('SIGTERM'));

const descriptors = () => readdirSync(`/proc/${service.process.pid}/fd`).length;
const open = (count: number) =>
  Promise.all(Array.from({ length: count }, () => RawConnection.open(service.url)));

function headOf(length: number): string {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': length };
  return requestHead('/graphql', { ...service.client.headers, ...headers });
}

/** Asks for large answers, one behind the other, and reads none. */
async function leaveAnswers(connection: RawConnection): Promise<void> {
  const raws = Array.from({ length: 40 }, (_, index) => `d${index}: description { raw }`).join(' ');
  const body = JSON.stringify({ query: `{ attachment(id: "${id}") { ${raws} } }` });
  connection.stopReading();
  void connection.send(`${headOf(body.length)}${body}`.repeat(20));
}

const trickle = { bytes: 1, everyMs: 1_000 };

/** Name, number of clients, act of each, and whether the service ends their connections by itself. */
const attacks: [string, number, (connection: RawConnection) => Promise<void>, boolean][] = [
  ['answers that are not read', 100, leaveAnswers, true],
  [
    'JSON bodies of a byte a second',
    200,
    async (connection) => {
      await connection.send(headOf(60_000));
      void connection.sendSlowly(Buffer.alloc(20, ' '), trickle);
    },
    true,
  ],
  [
    'headers of a byte a second',
    200,
    async (connection) => {
      void connection.sendSlowly(Buffer.from(`GET / HTTP/1.1\r\nX: ${'x'.repeat(20)}`), trickle);
    },
    true,
  ],
  [
    'connections that are kept and idle',
    500,
    async (connection) => {
      await connection.send('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
      await connection.response();
    },
    false,
  ],
];

test.each(attacks)(
  '%s, %i at once, stop nobody, and leave no descriptor open',
  async (_, count, act, isEnded) => {
    const before = descriptors();
    const connections = await open(count);
    await Promise.all(connections.map(act));
    const peak = descriptors();
    for (let asked = 0; asked < 10; asked += 1) await service.client.ask('{ viewer { organizationId } }');
    await service.client.upload({ content: 'meanwhile' });
    if (!isEnded) for (const connection of connections) connection.destroy();
    await eventually(
      () => descriptors() <= before + 10,
      60_000,
      () => `${before} ${descriptors()}`,
    );
    report(`${count} clients: ${before}, ${peak}, ${descriptors()} descriptors`);
    expect(descriptors()).toBeLessThan(before + count / 2);
    for (const connection of connections) connection.destroy();
  },
  120_000,
);
