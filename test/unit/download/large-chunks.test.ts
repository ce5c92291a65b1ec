import { once } from 'node:events';
import { type ClientRequest, get as httpGet, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { largeDownloadSize } from '../../../src/http/send-file.js';
import { createFile, type DownloadServer, goodCredential, startDownloadServer } from './download-server.js';

const mebibyte = 1024 * 1024;
const file = { ...createFile(Buffer.alloc(0)), size: largeDownloadSize };

/** A store whose streams stop after their first piece, and note how much may be read at once. */
function stallingStore() {
  const asked: number[] = [];
  return {
    asked,
    read: async (_key: string, _range: unknown, options?: { maxChunkSize?: number }) => {
      asked.push(options?.maxChunkSize ?? 0);
      let isFirst = true;
      return new Readable({
        read() {
          if (isFirst) this.push(Buffer.alloc(64 * 1024));
          isFirst = false;
        },
      });
    },
  };
}

/** Begins a download, and answers once its first bytes have come. */
async function begin(server: DownloadServer, range?: string): Promise<ClientRequest> {
  const headers = { authorization: goodCredential, ...(range === undefined ? {} : { range }) };
  const request = httpGet(server.urls.url(file), { headers, agent: false });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  await once(answer, 'data');
  answer.on('error', () => undefined);
  return request;
}

test('four downloads at once are read in large chunks, which cost memory, and so is the next one after them', async () => {
  const store = stallingStore();
  const server = await startDownloadServer([file], { storage: store });
  const requests: ClientRequest[] = [];
  for (let count = 0; count < 6; count += 1) requests.push(await begin(server));
  expect(store.asked).toEqual([...Array<number>(4).fill(2 * mebibyte), 0, 0]);

  for (const request of requests) request.destroy();
  for (let tries = 0; tries < 500 && store.asked.at(-1) === 0; tries += 1) requests.push(await begin(server));
  expect(store.asked.at(-1)).toBe(2 * mebibyte);
  requests.at(-1)?.destroy();
  await server.close();
});

test('a part that is smaller than four of them takes no large chunks', async () => {
  const store = stallingStore();
  const server = await startDownloadServer([file], { storage: store });
  const request = await begin(server, `bytes=1-${largeDownloadSize - 1}`);
  expect(store.asked).toEqual([0]);
  request.destroy();
  await server.close();
});
