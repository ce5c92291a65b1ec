import { rm } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { GatedScanner } from '../../service/verdicts/gated-scanner.js';
import { describeWithBrowser, openBrowser } from '../../support/browser.js';
import { type ConsolePage, eventually, openConsole } from '../../support/console-page.js';
import { startService, type TestService } from '../../support/service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

describeWithBrowser((chromium) => {
  const scanner = new GatedScanner();
  const record = { type: 'WorkPackage', id: '1' };
  let folder: string;
  let browser: Browser;
  let service: TestService;
  let tab: ConsolePage;

  beforeAll(async () => {
    browser = await openBrowser(chromium);
    folder = await makeTemporaryDirectory();
    service = await startService({ DATA_DIR: folder, TRASH_DAYS: '30' }, { scanner });
  });
  afterAll(async () => {
    await browser.close();
    await service.close();
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    tab = await openConsole(browser, service);
  });
  afterEach(() => tab.close());

  const store = (name: string, more: object = {}) =>
    service.client.upload({ content: name, name }, { record, field: 'files', ...more });
  /** Stores a file of which the scanner says that it has this, and waits until it has said so. */
  async function storeInfected(name: string, signature: string, more: object = {}): Promise<void> {
    scanner.outcome = { outcome: 'infected', signature };
    const { id } = await service.client.upload({ content: name, name }, more);
    const query = 'query ($id: ID!) { attachment(id: $id) { status } }';
    const read = () => service.client.ask<{ attachment: { status: string } }>(query, { id });
    await eventually(read, { attachment: { status: 'REJECTED' } });
    scanner.outcome = null;
  }
  const row = (name: string) => tab.page.getByRole('row', { name });
  const isLost = () => tab.page.getByText('The service cannot be reached. This page goes on');

  test.each(['', '?page=quarantine'])('it goes on at %p after the network was away', async (query) => {
    await tab.signIn(query);
    await tab.context.setOffline(true);
    await isLost().waitFor();
    await tab.page.getByRole('link', { name: 'Administration' }).click();
    const fileName = `meanwhile ${query.length}.txt`;
    await storeInfected(fileName, 'Test');
    await tab.context.setOffline(false);
    await isLost().waitFor({ state: 'detached' });
    await tab.page.getByRole('tab', { name: 'Usage' }).waitFor();
    await tab.page.goBack();
    await tab.page.getByText(fileName).first().waitFor();
  });

  test('a script that stays away does not have the page loaded again and again', async () => {
    await tab.signIn();
    let loads = 0;
    tab.page.on('framenavigated', () => {
      loads += 1;
    });
    await tab.page.route(/records-page.*\.js$/, (route) => route.fulfill({ status: 429, body: '' }));
    await tab.page.getByRole('link', { name: 'Records' }).click();
    await eventually(async () => loads > 1, true);
    await tab.page.getByRole('link', { name: 'Files' }).waitFor();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    // The link, and the page once more.
    expect(loads).toBe(2);
  });

  test('uploads go on, and their verdicts are shown, however long the scanner takes', async () => {
    await tab.signIn();
    scanner.shut();
    const chooser = tab.page.waitForEvent('filechooser');
    await tab.page.getByRole('button', { name: 'Upload files' }).click();
    const names = Array.from({ length: 12 }, (_, index) => `waits ${index}.txt`);
    const file = (name: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(name) });
    await (await chooser).setFiles(names.map(file));
    await tab.page.getByRole('heading', { name: 'Uploads 12 / 12' }).waitFor();
    const region = tab.page.getByRole('region', { name: 'Uploads' });
    expect(await region.getByText('Being scanned').count()).toBe(12);
    await tab.page.getByLabel('Search by name').fill('waits 11');
    await row('waits 11.txt').waitFor();
    scanner.open();
    await eventually(() => region.getByText('Approved').count(), 12);
    await row('waits 11.txt').getByText('Approved').waitFor();
    expect(tab.faults).toEqual([]);
  });

  test('texts of people run on no page', async () => {
    const script = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
    const hostile = { type: `T/%${script}`, id: script };
    const metadata = { type: script, attributes: { [script]: script } };
    await storeInfected('bad <b>.txt', script, { description: script, record: hostile, metadata });
    await service.client.upload({ content: 'good', name: 'x <b>.txt' }, { record: hostile, field: script });
    await service.client.ask(
      'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }',
      {
        input: { name: script, permissions: ['attachments:read'] },
      },
    );
    await tab.signIn('?page=quarantine');
    await tab.page.getByText(script).first().waitFor();
    await tab.page.goto(`${service.url}/?page=records`);
    await tab.page.getByRole('link', { name: script }).click();
    await tab.page.getByRole('region', { name: script }).first().waitFor();
    await row('x <b>.txt').waitFor();
    for (const name of ['keys', 'audit']) {
      await tab.page.goto(`${service.url}/?page=administration&tab=${name}`);
      await tab.page.getByText('window.hit=1').first().waitFor();
    }
    expect(await tab.page.evaluate('window.hit')).toBeUndefined();
    expect(await tab.page.locator('main img[src=x], main script, main b').count()).toBe(0);
    expect(tab.faults).toEqual([]);
  });

  test.each(['records', 'quarantine', 'administration'])('%s in German, dark, on a phone', async (name) => {
    await tab.close();
    tab = await openConsole(browser, service, { viewport: { width: 360, height: 700 } });
    await tab.signIn(`?page=${name}`);
    await tab.page.getByRole('button', { name: 'Dark' }).click();
    await tab.page.getByRole('button', { name: 'Deutsch' }).click();
    await tab.page.getByRole('button', { name: 'Abfrage zeigen' }).waitFor();
    expect(await tab.accessibilityFaults()).toEqual([]);
    expect(await tab.page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    const tabs = await tab.page.getByRole('tab').all();
    for (const each of tabs) {
      await each.click();
      await tab.page.waitForLoadState('networkidle');
      expect(await tab.accessibilityFaults()).toEqual([]);
      expect(await tab.page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    }
    expect(tab.faults).toEqual([]);
  });

  test('changes of others are seen after an outage in which nobody did anything', async () => {
    await store('first.txt');
    await tab.signIn(`?page=records&record=${record.type}/${record.id}`);
    await row('first.txt').waitFor();
    await service.close();
    await isLost().waitFor();
    service = await startService(
      { DATA_DIR: folder, TRASH_DAYS: '30', BOOTSTRAP_API_KEY: service.key, PORT: new URL(service.url).port },
      { scanner },
    );
    await isLost().waitFor({ state: 'detached' });
    await row('first.txt').waitFor();
    await store('second.txt');
    await row('second.txt').waitFor();
  });

  test('it says that the service is away, and goes on once it is back', async () => {
    await store('before.txt');
    await tab.signIn(`?page=records&record=${record.type}/${record.id}`);
    await row('before.txt').waitFor();
    await service.close();
    await tab.page.getByRole('button', { name: 'Remove: before.txt' }).click();
    await isLost().waitFor();
    await row('before.txt').waitFor();
    service = await startService(
      { DATA_DIR: folder, TRASH_DAYS: '30', BOOTSTRAP_API_KEY: service.key, PORT: new URL(service.url).port },
      { scanner },
    );
    await store('after.txt');
    await isLost().waitFor({ state: 'detached' });
    await row('after.txt').waitFor();
    await tab.page.getByRole('button', { name: 'Remove: before.txt' }).click();
    await row('before.txt').waitFor({ state: 'detached' });
  });
});
