import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { describeWithBrowser, openBrowser } from '../../support/browser.js';
import { freePort } from '../../support/free-port.js';
import { startFront } from '../../support/front.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { describeWithPackages } from '../../support/skip-without.js';
import { repositoryRoot } from '../../support/source-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { servePage } from './page-server.js';

const large = randomBytes(12_000_000);

describeWithBrowser((chromium) => {
  let browser: Browser;
  let folder: string;
  let service: TestService;
  let page: Page;
  let faults: string[];
  beforeAll(async () => {
    browser = await openBrowser(chromium);
    folder = await makeTemporaryDirectory();
    await writeFile(join(folder, 'large.bin'), large);
    await writeFile(join(folder, 'small.txt'), 'small');
    await writeFile(join(folder, 'con.txt'), 'refused');
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    service = await startService();
    page = await browser.newPage();
    faults = [];
    page.on('pageerror', ({ message }) => faults.push(message));
  });
  afterEach(async () => {
    await page.close();
    await service.close();
  });

  const choose = (...names: string[]) =>
    page.setInputFiles(
      'input',
      names.map((name) => join(folder, name)),
    );
  const upload = (name: string, state: string) =>
    page.locator(`.uploads li[data-state=${state}]`, { hasText: name });
  const listed = (name: string) => page.locator('.files li', { hasText: name });
  const stored = async (fileName: string) => {
    const query = `query ($name: String) { attachments(filter: { fileNameContains: $name }) {
      nodes { size record { recordId } digest { hash } } } }`;
    const data = await service.client.ask<{ attachments: { nodes: object[] } }>(query, { name: fileName });
    return data.attachments.nodes;
  };
  const isLarge = { size: large.length, digest: { hash: sha256(large) }, record: { recordId: '1' } };

  async function uploadBoth(reactFolder: string | null): Promise<void> {
    await using site = await servePage(service, { reactFolder });
    let workers = 0;
    page.on('worker', () => {
      workers += 1;
    });
    await page.goto(site.url);
    await choose('small.txt', 'large.bin');
    await upload('small.txt', 'done').waitFor();
    await upload('large.bin', 'done').waitFor();
    expect(
      await page.locator('progress').evaluateAll((all) => all.map((one) => one.getAttribute('value'))),
    ).toEqual(['5', String(large.length)]);
    // The list follows by itself.
    await listed('small.txt, 5 bytes').waitFor();
    await listed(`large.bin, ${large.length} bytes`).waitFor();
    expect(await stored('large.bin')).toEqual([isLarge]);
    expect(workers).toBe(2);
    expect(faults).toEqual([]);
  }

  test('React 19 uploads small and large files, and shows them', () => uploadBoth(null));

  const older = join(repositoryRoot, 'test/system/client/react-18');
  describeWithPackages(older, () => {
    test('React 18 does so too', async () => {
      await uploadBoth(older);
    });
  });

  test('a refusal is shown, and may be tried again', async () => {
    await using site = await servePage(service);
    await page.goto(site.url);
    await choose('con.txt');
    await upload('con.txt', 'failed').waitFor();
    expect(await page.locator('.uploads').innerText()).toContain('file name');
    await page.getByRole('button', { name: 'Again' }).click();
    await upload('con.txt', 'failed').waitFor();
    expect(await stored('con')).toEqual([]);
  });

  test('a large upload goes on after its connection was cut, and after a reload', async () => {
    const port = await freePort();
    let isCut = true;
    await using front = await startFront(`http://127.0.0.1:${port}`, (_path, _index, method) =>
      method === 'PATCH' && isCut ? { cutAfter: 5_000_000 } : 'pass',
    );
    await using behind = await startService({ PORT: String(port), PUBLIC_URL: front.url });
    await using site = await servePage({ url: front.url, key: behind.key });
    const patches = () => front.requests.filter((line) => line.startsWith('PATCH')).length;
    await page.goto(site.url);
    await choose('large.bin');
    while (patches() < 2) await new Promise(setImmediate);
    const [entry = '{}'] = await page.evaluate<string[]>('Object.values(localStorage)');
    const { documentKey } = JSON.parse(entry) as { documentKey: string };
    const query = 'query ($key: String!) { uploadTarget(documentKey: $key) { received } }';
    const received = async () =>
      (await behind.client.ask<{ uploadTarget: { received: number } }>(query, { key: documentKey }))
        .uploadTarget.received;
    while ((await received()) === 0) await new Promise(setImmediate);
    isCut = false;
    await page.reload();
    await choose('large.bin');
    await upload('large.bin', 'done').waitFor();
    const last = front.requests.findLastIndex((line) => line.startsWith('PATCH'));
    expect(Number(front.headers[last]?.['upload-offset'])).toBeGreaterThan(0);
    expect(front.bytes[last]).toBeLessThan(large.length);
    const made = '{ attachments { nodes { size record { recordId } digest { hash } } } }';
    expect(await behind.client.ask(made)).toEqual({ attachments: { nodes: [isLarge] } });
    expect(await page.evaluate('Object.keys(localStorage)')).toEqual([]);
  });

  test.each(['large.bin', 'small.txt'])(
    '%s that has changed since it was chosen says so at once',
    async (name) => {
      await using site = await servePage(service);
      const path = join(folder, `changed ${name}`);
      await writeFile(path, name === 'large.bin' ? large : 'small');
      let sent = 0;
      const isContent = (method: string, text: string | null) =>
        method === 'PATCH' || text?.includes('"map"');
      await page.route(`${service.url}/**`, async (route) => {
        const request = route.request();
        if (!isContent(request.method(), request.postData())) return route.continue();
        sent += 1;
        // Its connection breaks, and somebody saves the file meanwhile.
        await writeFile(path, 'saved again');
        await route.abort();
      });
      await page.goto(site.url);
      await choose(`changed ${name}`);
      await upload(`changed ${name}`, 'failed').waitFor();
      expect(await page.locator('.uploads').innerText()).toContain('could not be read');
      expect(sent).toBe(1);
    },
  );

  test('a page that may have no worker hashes by itself', async () => {
    await using site = await servePage(service);
    await page.route('**/hash-worker.js', (route) => route.abort());
    await page.goto(site.url);
    await choose('large.bin');
    await upload('large.bin', 'done').waitFor();
    expect(await stored('large.bin')).toEqual([isLarge]);
  });

  test('one that is stopped goes no further, and on again when it is told to', async () => {
    await using site = await servePage(service);
    const network = await page.context().newCDPSession(page);
    await network.send('Network.enable');
    const slow = (uploadThroughput: number) =>
      network.send('Network.emulateNetworkConditions', {
        ...{ offline: false, latency: 0 },
        downloadThroughput: -1,
        uploadThroughput,
      });
    await page.goto(site.url);
    await slow(1_000_000);
    await choose('large.bin');
    await page.getByRole('button', { name: 'Stop' }).click();
    await upload('large.bin', 'aborted').waitFor();
    expect(await stored('large.bin')).toEqual([]);
    await slow(-1);
    await page.getByRole('button', { name: 'Again' }).click();
    await upload('large.bin', 'done').waitFor();
    expect(await stored('large.bin')).toEqual([isLarge]);
  });
});
