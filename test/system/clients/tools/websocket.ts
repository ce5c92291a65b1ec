import { createClient } from 'graphql-ws';
import type { Service } from './service';

export async function run({ url, key }: Service) {
  let socket: WebSocket | null = null;
  let connections = 0;
  const live = createClient({
    url: url.replace('http', 'ws'),
    connectionParams: { authorization: `Bearer ${key}` },
    retryAttempts: Infinity,
    retryWait: async () => {},
    on: {
      connected: (connected) => {
        socket = connected as WebSocket;
        connections += 1;
      },
    },
  });
  const events = live.iterate<{ attachmentChanged: { fileName: string } }>({
    query: 'subscription { attachmentChanged(record: { type: "Live", id: "1" }) { fileName } }',
  });
  const next = async () => (await events.next()).value?.data?.attachmentChanged.fileName;
  const first = await next();
  // A break of the network. The client comes back and subscribes again, and the loop goes on.
  (socket as WebSocket | null)?.close(4499, 'Terminated');
  const second = await next();
  await live.dispose();
  return { first, second, connections };
}
