import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the front treats one request: it passes on, loses the answer that the service has given, breaks off after so many bytes of the body, or does as told. */
export type Treatment = 'pass' | 'lose answer' | { cutAfter: number } | ((response: ServerResponse) => void);

export interface Front extends AsyncDisposable {
  url: string;
  /** Method and path of each request, in order. */
  requests: string[];
  /** The headers of each request. */
  headers: IncomingMessage['headers'][];
  /** The bytes of each request's body that have come, as `requests` has them. */
  bytes: number[];
  /** Cuts all connections there are. */
  cut(): void;
}

/** A proxy before a service that treats each request as `treat` says; `index` counts those of one method and path. */
export async function startFront(
  serviceUrl: string,
  treat: (path: string, index: number, method: string) => Treatment,
): Promise<Front> {
  const requests: string[] = [];
  const headers: Front['headers'] = [];
  const bytes: number[] = [];
  const server = createServer((incoming, response) => {
    const path = (incoming.url ?? '').replace(/^\/uploads\/.*/, '/uploads/…');
    const line = `${incoming.method} ${path}`;
    const index = requests.filter((one) => one === line).length;
    requests.push(line);
    headers.push(incoming.headers);
    const treatment = treat(path, index, incoming.method ?? '');
    const at = bytes.push(0) - 1;
    incoming.on('data', (chunk: Buffer) => {
      bytes[at] = (bytes[at] ?? 0) + chunk.length;
      if (typeof treatment === 'object' && (bytes[at] ?? 0) >= treatment.cutAfter) incoming.destroy();
    });
    if (typeof treatment === 'function') return void incoming.resume().on('end', () => treatment(response));
    forward(serviceUrl, incoming, response, treatment === 'lose answer');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    headers,
    bytes,
    cut: () => server.closeAllConnections(),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function forward(
  serviceUrl: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  isLost: boolean,
): void {
  const { method = 'GET', url = '/', headers } = incoming;
  const passed = request(new URL(url, serviceUrl), { method, headers }, (answer) => {
    if (isLost) return void answer.resume().on('end', () => response.destroy());
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    response.flushHeaders();
    answer.pipe(response);
  });
  passed.on('error', () => response.destroy());
  response.on('close', () => passed.destroy());
  incoming.pipe(passed);
}

/** A short answer of the front's own. */
export function answer(status: number, headers: Record<string, string>, body = 'Not ready.'): Treatment {
  return (response) => response.writeHead(status, headers).end(body);
}
