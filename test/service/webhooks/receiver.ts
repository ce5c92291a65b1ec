import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';

export interface Received {
  path: string;
  headers: Record<string, string>;
  body: string;
  at: number;
}

/** Answers a webhook; `number` counts from 1. */
export type Behaviour = (response: ServerResponse, number: number) => void;

export interface Receiver extends AsyncDisposable {
  origin: string;
  uri: string;
  received: Received[];
  /** How many connections have been made, and the most there were at once. */
  connections: { made: number; most: number };
}

export const answer =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  (response) =>
    response.writeHead(status, headers).end('ok');

/** Answers each time what is next in the list, the last for good. */
export const inTurn =
  (...behaviours: Behaviour[]): Behaviour =>
  (response, number) =>
    behaviours[Math.min(number, behaviours.length) - 1]?.(response, number);

/** A real HTTP server on loopback. */
export async function startReceiver(behave: Behaviour = answer(204)): Promise<Receiver> {
  const received: Received[] = [];
  const connections = { made: 0, most: 0 };
  const server = createServer(async (request, response) => {
    const at = Date.now();
    let body = '';
    for await (const chunk of request) body += String(chunk);
    received.push({ path: request.url ?? '', headers: flat(request.headers), body, at });
    behave(response, received.length);
  });
  let open = 0;
  server.on('connection', (socket) => {
    open += 1;
    connections.made += 1;
    connections.most = Math.max(connections.most, open);
    socket.on('close', () => {
      open -= 1;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  const origin = `http://127.0.0.1:${address.port}`;
  return {
    origin,
    uri: `${origin}/hook?tenant=7`,
    received,
    connections,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** As a receiver does it, with the library of Standard Webhooks; throws where the signature is not good. */
export function verify({ body, headers }: Received, secret: string): unknown {
  return new Webhook(secret).verify(body, headers);
}

function flat(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
