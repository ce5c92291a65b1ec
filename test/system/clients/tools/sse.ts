import { createClient } from 'graphql-sse';
import type { Service } from './service';

export async function run({ url, key }: Service) {
  const client = createClient({
    url: `${url}/stream`,
    headers: { Authorization: `Bearer ${key}` },
    // One stream for all subscriptions of the page, since browsers open six at most over HTTP/1.1.
    singleConnection: true,
  });
  const subscribe = () =>
    client.iterate<{ attachmentChanged: { fileName: string } }>({
      query: 'subscription { attachmentChanged(record: { type: "Live", id: "1" }) { fileName } }',
    });
  const streams = [subscribe(), subscribe()];
  const events = await Promise.all(streams.map((stream) => stream.next()));
  client.dispose();
  return { names: events.map(({ value }) => value?.data?.attachmentChanged.fileName) };
}
