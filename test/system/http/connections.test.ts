import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { startService, type TestService } from '../../support/service.js';

let service: TestService;
afterEach(() => service.close());

async function open(from = '127.0.0.1'): Promise<Socket> {
  const { hostname, port } = new URL(service.url);
  const socket = connect({ port: Number(port), host: hostname, localAddress: from });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const openSeveral = (count: number, from?: string) =>
  Promise.all(Array.from({ length: count }, () => open(from)));

/** The status of an answer; null if the connection is closed instead. */
function ask(socket: Socket, headers = ''): Promise<string | null> {
  socket.write(`GET /health/live HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
  return new Promise((resolve) => {
    socket.once('data', (data) => resolve(String(data).split(' ')[1] ?? null));
    if (socket.destroyed) resolve(null);
    else socket.once('close', () => resolve(null));
  });
}

async function askEach(sockets: readonly Socket[]): Promise<{ answered: number; closed: number }> {
  const answers = await Promise.all(sockets.map((socket) => ask(socket)));
  const answered = answers.filter((status) => status === '200').length;
  return { answered, closed: answers.length - answered };
}

function end(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy();
}

test('an address has so many connections, idle ones included, and a place again once one is closed', async () => {
  service = await startService({ MAX_CONNECTIONS_PER_ADDRESS: '20' });
  const idle = await openSeveral(15);
  const asking = await openSeveral(10);
  expect(await askEach(asking)).toEqual({ answered: 5, closed: 5 });
  const other = await openSeveral(5, '127.0.0.2');
  expect(await askEach(other)).toEqual({ answered: 5, closed: 0 });
  expect(service.logLines.filter((line) => line.includes('too many connections'))).toHaveLength(1);
  end(idle);
  let status: string | null = null;
  while (status === null) {
    const [next] = await openSeveral(1);
    status = next ? await ask(next) : null;
    next?.destroy();
  }
  expect(status).toBe('200');
  end([...asking, ...other]);
});

test('a proxy that is trusted has as many as it needs', async () => {
  service = await startService({ MAX_CONNECTIONS_PER_ADDRESS: '20', TRUST_PROXY: '127.0.0.0/8' });
  const sockets = await openSeveral(40);
  expect(await askEach(sockets)).toEqual({ answered: 40, closed: 0 });
  end(sockets);
});

test('a connection that offers another protocol counts once', async () => {
  service = await startService({ MAX_CONNECTIONS_PER_ADDRESS: '2' });
  const socket = await open();
  for (let time = 0; time < 5; time += 1) {
    expect(await ask(socket, 'Connection: Upgrade\r\nUpgrade: h2c\r\n')).toBe('200');
  }
  const next = await open();
  expect(await ask(next)).toBe('200');
  end([socket, next]);
});
