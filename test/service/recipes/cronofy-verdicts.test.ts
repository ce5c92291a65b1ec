import { readPage } from '../../support/doc-page.js';
import { newClient } from '../../support/keys.js';
import type { TestService } from '../../support/service.js';
import { WebhookReceiver, webhookSecret } from '../../support/webhook-receiver.js';
import { eicar, GatedScanner } from '../verdicts/gated-scanner.js';
import { codeOf, dataOf, startAsOn } from './recipe.js';

const page = readPage('docs/moving/cronofy.md');
const open = { WEBHOOK_SECRET: webhookSecret, WEBHOOK_ALLOW_PRIVATE: 'true', WEBHOOK_RETRY_SECONDS: '0,0,0' };

interface Links {
  linkAttachments: { links: { state: string; attachment: { id: string; status: string } }[] };
}

/** Scan, webhook, hold: as docs/moving/cronofy.md has it. */
describe('Cronofy, with a scanner', () => {
  let scanner: GatedScanner;
  let receiver: WebhookReceiver;
  let uri: string;
  let service: TestService;
  beforeEach(async () => {
    scanner = new GatedScanner();
    receiver = new WebhookReceiver();
    uri = await receiver.open();
    service = await startAsOn(page, open, { scanner });
  });
  afterEach(async () => {
    scanner.open();
    receiver.close();
    await service.close();
  });

  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const tryCreate = (content: string, to = uri, fileName = 'notes.txt', contentType = 'text/plain') =>
    service.client.graphql<{ createAttachment: { attachment: { id: string; status: string } } }>(
      page.operation('CreateAndTell'),
      { fileName, contentType, base64: base64(content), uri: to },
    );
  const create = async (content: string) => dataOf(await tryCreate(content)).createAttachment.attachment;
  const setAndWait = async (event: string, ids: string[], holdSeconds = 10) => {
    const operation = page.operation('SetAndWait').replace('holdSeconds: 10', `holdSeconds: ${holdSeconds}`);
    return (await service.client.ask<Links>(operation, { event, ids })).linkAttachments.links;
  };
  const linksOf = async (event: string) => {
    const answer = await service.client.ask<{ record: { field: { links: { state: string }[] } } }>(
      page.operation('OfEvent'),
      { event },
    );
    return answer.record.field.links.map(({ state }) => state);
  };

  test('webhook on attachment_approved and attachment_rejected, the latter saying why', async () => {
    const good = await create('agenda');
    const bad = await create(eicar);
    const received = await receiver.got(2);
    const told = new Map(received.map(({ body }) => [body.data.attachment['id'], body]));
    expect(told.get(good.id)).toMatchObject({
      type: 'attachment_approved',
      data: { attachment: { status: 'APPROVED', fileName: 'notes.txt' }, rejection: null },
    });
    expect(told.get(bad.id)).toMatchObject({
      type: 'attachment_rejected',
      data: {
        attachment: { status: 'REJECTED' },
        rejection: { reason: 'MALWARE', message: expect.any(String), signature: expect.any(String) },
      },
    });
    expect(receiver.faults).toEqual([]);
  });

  test('delivered at least once: again, under the same id, until the receiver takes it', async () => {
    receiver.answers = [500, 503];
    const { id } = await create('agenda');
    const received = await receiver.got(3);
    expect(new Set(received.map((each) => each.id)).size).toBe(1);
    expect(received.map(({ body }) => body.data.attachment['id'])).toEqual([id, id, id]);
  });

  test('a refused file is neither scanned nor told of', async () => {
    const before = scanner.scans;
    expect(codeOf(await tryCreate('x', uri, 'a.py'))).toBe('CONTENT_TYPE_NOT_ALLOWED');
    expect(codeOf(await tryCreate('x', uri, 'a.png', 'image/png'))).toBe('CONTENT_TYPE_MISMATCH');
    await create('agenda');
    await receiver.got(1);
    expect([receiver.received.length, scanner.scans - before]).toEqual([1, 1]);
  });

  test('private addresses are refused', async () => {
    await using strict = await startAsOn(page, {}, { scanner });
    const variables = { fileName: 'a.txt', contentType: 'text/plain', base64: base64('x'), uri };
    const answer = await strict.client.graphql(page.operation('CreateAndTell'), variables);
    expect(codeOf(answer)).toBe('WEBHOOK_URI_NOT_ALLOWED');
  });

  test('an event waits for the verdict: approved ones are active, rejected ones drop out', async () => {
    scanner.shut();
    const [good, bad] = [await create('agenda'), await create(eicar)];
    expect([good.status, bad.status]).toEqual(['PENDING', 'PENDING']);
    setTimeout(() => scanner.open(), 300);
    const startedAt = performance.now();
    const links = await setAndWait('held', [good.id, bad.id]);
    expect(links).toEqual([{ state: 'ACTIVE', attachment: { id: good.id, status: 'APPROVED' } }]);
    const ms = performance.now() - startedAt;
    expect([ms > 250, ms < 5_000]).toEqual([true, true]);
    expect(await linksOf('held')).toEqual(['ACTIVE']);
  });

  test('else it is written without it, and completed on approval', async () => {
    scanner.shut();
    const { id } = await create('agenda');
    const links = await setAndWait('late', [id], 1);
    expect(links.map(({ state }) => state)).toEqual(['PENDING']);
    expect(await linksOf('late')).toEqual([]);
    scanner.open();
    await receiver.got(1);
    expect(await linksOf('late')).toEqual(['ACTIVE']);
  });

  test('waiting holds nothing up: others upload and link meanwhile', async () => {
    scanner.shut();
    const { id } = await create('agenda');
    const waiting = Array.from({ length: 20 }, (_, index) => setAndWait(`event ${index}`, [id], 10));
    const other = await newClient(service);
    const startedAt = performance.now();
    await other.upload({ content: 'meanwhile', name: 'a.txt' }, { record: { type: 'Task', id: '1' } });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    scanner.open();
    const states = (await Promise.all(waiting)).flatMap((links) => links.map(({ state }) => state));
    expect(states).toEqual(Array.from({ length: 20 }, () => 'ACTIVE'));
  });
});
