import { setImmediate as nextTurn } from 'node:timers/promises';
import { until } from '../../support/jobs-contract.js';
import { RawConnection, requestHead } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { share } from '../sharing/share-operations.js';

const record = { type: 'Task', id: 'gone clients' };

let service: TestService;
let url: string;
let signedUrl: string;
let archiveUrl: string;
let shareUrl: string;
beforeAll(async () => {
  service = await startService({ MAX_CONCURRENT_DOWNLOADS: '2' });
  const { client } = service;
  const { id } = await client.upload({ content: 'x'.repeat(300_000), name: 'a.txt' }, { record });
  const { attachment } = await client.ask<{
    attachment: { url: string; downloadUrl: string; record: { archiveUrl: string } };
  }>('query ($id: ID!) { attachment(id: $id) { url downloadUrl record { archiveUrl } } }', { id });
  ({
    url,
    downloadUrl: signedUrl,
    record: { archiveUrl },
  } = attachment);
  shareUrl = (await share(client, id)).url;
});
afterAll(() => service.close());

/** Sends a request, and is gone some turns of the event loop later, when the service may be looking up who asks and what for. */
async function leave(bytes: string, turns: number): Promise<void> {
  const connection = await RawConnection.open(service.url);
  void connection.send(bytes);
  for (let turn = 0; turn < turns; turn += 1) await nextTurn();
  connection.abort();
}

const leavers = 120;

/** Clients one after another that stay for 0 to 39 turns. In the end somebody else is served. */
async function leaveAll(bytes: string, isServed: () => Promise<boolean>): Promise<void> {
  for (let count = 0; count < leavers; count += 1) await leave(bytes, count % 40);
  await until(isServed);
  report(`${leavers} clients left early, and hold no place`);
}

const get = (url: string, headers: Record<string, string> = {}) => {
  const { pathname, search } = new URL(url);
  return requestHead(`${pathname}${search}`, headers).replace('POST', 'GET');
};

const hasFile = async (url: string, headers: Record<string, string> = {}) => {
  const response = await fetch(url, { headers });
  await response.arrayBuffer();
  return response.status === 200;
};

describe('clients that leave before they are answered hold no place for', () => {
  test('downloads by a credential', async () => {
    const { headers } = service.client;
    await leaveAll(get(url, headers), () => hasFile(url, headers));
  });

  test('downloads by a signed URL', async () => {
    await leaveAll(get(signedUrl), () => hasFile(signedUrl));
  });

  test('downloads by a share link', async () => {
    await leaveAll(get(shareUrl), () => hasFile(shareUrl));
  });

  test('archives', async () => {
    await leaveAll(get(archiveUrl), () => hasFile(archiveUrl));
  });
});
