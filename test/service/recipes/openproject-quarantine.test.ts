import type { Client } from '../../support/client.js';
import { readPage } from '../../support/doc-page.js';
import { newClient } from '../../support/keys.js';
import type { TestService } from '../../support/service.js';
import { eicar, GatedScanner } from '../verdicts/gated-scanner.js';
import { bytesOf, codeOf, dataOf, startAsOn } from './recipe.js';

const page = readPage('docs/moving/openproject.md');

interface Seen {
  fileName: string;
  status: string;
  url: string;
  downloadUrl: string | null;
  rejection: { reason: string; message: string; signature: string } | null;
}

/** Pending, quarantined, released: as docs/moving/openproject.md has it. */
describe('OpenProject, with a scanner', () => {
  let scanner: GatedScanner;
  let service: TestService;
  let uploader: Client;
  let colleague: Client;
  beforeEach(async () => {
    scanner = new GatedScanner();
    service = await startAsOn(page, { SCAN_RETRY_SECONDS: '0,0' }, { scanner });
    uploader = await newClient(service);
    colleague = await newClient(service);
  });
  afterEach(async () => {
    scanner.open();
    await service.close();
  });

  /** Uploads to a work package, where others see it. */
  const upload = (content: string) =>
    uploader.upload({ content, name: 'report.txt' }, { record: { type: 'WorkPackage', id: '1' } });
  const see = async (client: Client, id: string) =>
    (await client.ask<{ attachment: Seen }>(page.operation('Quarantine'), { id })).attachment;
  const until = async (id: string, status: string): Promise<Seen> => {
    for (let round = 0; round < 400; round += 1) {
      const seen = await see(uploader, id);
      if (seen.status === status) return seen;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`It never was ${status}.`);
  };
  const release = (client: Client, id: string) =>
    client.graphql<{ releaseAttachment: { attachment: { status: string } } }>(page.operation('Release'), {
      id,
      reason: 'A false alarm.',
    });

  test('pending: bytes for the uploader only, metadata for all', async () => {
    scanner.shut();
    const { id, url } = await upload('fine');
    expect(await see(colleague, id)).toMatchObject({ fileName: 'report.txt', status: 'PENDING' });
    expect((await see(uploader, id)).downloadUrl).toBeNull();
    expect((await bytesOf(uploader, url)).toString()).toBe('fine');
    expect((await colleague.download(url)).status).toBe(409);
    scanner.open();
    await until(id, 'APPROVED');
    expect((await bytesOf(colleague, url)).toString()).toBe('fine');
  });

  test('quarantined: bytes for nobody, metadata stays visible; an administrator overrides', async () => {
    const { id, url } = await upload(eicar);
    const rejection = { reason: 'MALWARE', message: expect.any(String), signature: expect.any(String) };
    expect(await until(id, 'REJECTED')).toMatchObject({
      fileName: 'report.txt',
      downloadUrl: null,
      rejection,
    });
    for (const client of [uploader, colleague, service.client]) {
      expect((await client.download(url)).status).toBe(409);
    }
    expect(codeOf(await release(uploader, id))).toBe('FORBIDDEN');
    expect((await see(colleague, id)).status).toBe('REJECTED');
    expect(dataOf(await release(service.client, id)).releaseAttachment.attachment.status).toBe('APPROVED');
    expect((await bytesOf(colleague, url)).toString()).toBe(eicar);
  });

  test('a scan that keeps failing ends as SCAN_FAILED, with bytes for the uploader only, and can begin anew', async () => {
    scanner.outcome = { outcome: 'no verdict', reason: 'none today' };
    const { id, url } = await upload('fine');
    expect((await until(id, 'SCAN_FAILED')).downloadUrl).toBeNull();
    expect((await colleague.download(url)).status).toBe(409);
    scanner.outcome = null;
    await uploader.ask(page.operation('Rescan'), { id });
    await until(id, 'APPROVED');
    expect((await bytesOf(colleague, url)).toString()).toBe('fine');
  });
});
