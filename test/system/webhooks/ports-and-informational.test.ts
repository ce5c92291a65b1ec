import { createServer, type Socket } from 'node:net';
import { loadConfig } from '../../../src/config/config.js';
import { answer, startReceiver } from '../../service/webhooks/receiver.js';
import { setStage } from '../../service/webhooks/stage.js';
import { startService } from '../../support/service.js';

interface RawReceiver extends AsyncDisposable {
  uri: string;
  connections: number;
}

/** Speaks for itself once a whole request has come: what no HTTP library would let a receiver send. */
async function startRawReceiver(speak: (socket: Socket) => void): Promise<RawReceiver> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    receiver.connections += 1;
    sockets.add(socket);
    let text = '';
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      text += String(chunk);
      if (text.includes('\r\n\r\n') && text.endsWith('}')) speak(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  const receiver: RawReceiver = {
    uri: `http://127.0.0.1:${address.port}/hook`,
    connections: 0,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

const proceed = 'HTTP/1.1 100 Continue\r\n\r\n';
const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n';
const done = 'HTTP/1.1 204 No Content\r\n\r\n';

describe('a receiver that sends, before its answer,', () => {
  test.each([
    ['100 Continue', [proceed, done]],
    ['100 Continue in one piece with it', [proceed + done]],
    ['several informational answers', ['HTTP/1.1 102 Processing\r\n\r\n', proceed, hints, proceed, done]],
    ['them byte by byte', [...(proceed + hints + done)]],
    ['nothing', [done]],
  ])('%s is delivered once', async (_what, pieces) => {
    await using stage = await setStage();
    await using receiver = await startRawReceiver((socket) => {
      socket.setNoDelay(true);
      const say = (index: number) => {
        const piece = pieces[index];
        if (piece !== undefined) socket.write(piece, () => setImmediate(say, index + 1));
      };
      say(0);
    });
    const id = await stage.subscribed(receiver.uri);
    await stage.approve(id);
    expect(await stage.until(id, { state: 'DELIVERED' })).toMatchObject({ attempts: 1, lastStatusCode: 204 });
    expect(receiver.connections).toBe(1);
  });

  test.each([
    ['informational answers without end', () => proceed],
    ['one with a head without end', () => `X-Filler: ${'x'.repeat(1_000)}\r\n`],
  ])('%s is given up', async (_what, next) => {
    await using stage = await setStage({ webhookRetryDelaysMs: [], webhookTimeoutMs: 30_000 });
    let sent = 0;
    await using receiver = await startRawReceiver((socket) => {
      socket.write('HTTP/1.1 100 Continue\r\n');
      if (next() === proceed) socket.write('\r\n');
      const more = () => {
        sent += 1;
        if (!socket.destroyed && sent < 100_000) socket.write(next(), () => setImmediate(more));
      };
      more();
    });
    const id = await stage.subscribed(receiver.uri);
    await stage.approve(id);
    const delivery = await stage.until(id, { state: 'FAILED' });
    expect(delivery.lastError).toMatch(/^The connection failed: [A-Z_]+\.$/);
    expect(sent).toBeLessThan(100_000);
  });
});

describe('the port of a webhook', () => {
  const create = `mutation ($webhooks: [WebhookSubscriptionInput!]!) {
    createAttachment(input: { content: { base64: "eA==" }, fileName: "x.txt", webhooks: $webhooks }) { attachment { id } }
  }`;
  const faultsOf = async (env: Record<string, string>, uris: string[]) => {
    await using service = await startService(env);
    const webhooks = uris.map((uri) => ({ uri, interactions: ['ATTACHMENT_APPROVED'] }));
    const { errors } = await service.client.graphql(create, { webhooks });
    const { code, details = [] } = (errors?.[0]?.extensions ?? {}) as {
      code?: string;
      details?: { loc: (string | number)[]; msg: string; type: string }[];
    };
    return { code, refused: details.map(({ loc, type }) => [loc[2], type]), msg: details[0]?.msg };
  };
  const to = (ports: (number | string)[]) => ports.map((port) => `https://203.0.114.1${port}/hook`);

  test.each([':22', ':25', ':6379', ':1', ':1023', ':5432', ':27017', ':2049', ':11211'])(
    '%s is refused',
    async (port) => {
      expect(await faultsOf({}, to([port]))).toEqual({
        code: 'WEBHOOK_URI_NOT_ALLOWED',
        refused: [[0, 'port_not_allowed']],
        msg: `Port ${port.slice(1)} is not allowed. Allowed are 80, 443 and those above 1023, but not those of databases, caches and the like.`,
      });
    },
  );

  test('is 80, 443 or above 1023, or what the operator says', async () => {
    const usual = ['', ':80', ':443', ':1024', ':8080', ':65535'];
    expect((await faultsOf({}, to(usual))).code).toBeUndefined();
    const own = { WEBHOOK_PORTS: '443, 9000-9002' };
    expect(await faultsOf(own, to(['', ':9000', ':9002', ':80', ':9003']))).toMatchObject({
      refused: [
        [3, 'port_not_allowed'],
        [4, 'port_not_allowed'],
      ],
      msg: 'Port 80 is not allowed. Allowed are 443, 9000-9002.',
    });
    for (const bad of ['x', '0', '70000', '9-8', '80,', '80;81'])
      expect(() => loadConfig({ WEBHOOK_PORTS: bad })).toThrow('WEBHOOK_PORTS');
  });

  test('is looked at again at each delivery', async () => {
    await using receiver = await startReceiver(answer(204));
    const webhookPorts = { allows: (port: number) => port === 443, description: '443' };
    await using stage = await setStage({ webhookPorts, webhookRetryDelaysMs: [] });
    const id = await stage.subscribed(receiver.uri);
    await stage.approve(id);
    expect(await stage.until(id, { state: 'FAILED' })).toMatchObject({
      lastError: 'The port is not allowed.',
    });
    expect(receiver.connections.made).toBe(0);
  });
});
