import fs from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { eicarString } from '../../../src/scanner/create-scanner.js';
import { describeWithBrowser, openBrowser } from '../../support/browser.js';
import { Client } from '../../support/client.js';
import { type ConsolePage, eventually, openConsole } from '../../support/console-page.js';
import { startService, type TestService } from '../../support/service.js';
import { WebhookReceiver, webhookSecret } from '../../support/webhook-receiver.js';

describeWithBrowser((chromium) => {
  let browser: Browser;
  let service: TestService;
  let receiver: WebhookReceiver;
  let hook: string;
  let tab: ConsolePage;

  beforeAll(async () => {
    browser = await openBrowser(chromium);
    receiver = new WebhookReceiver();
    hook = await receiver.open();
    service = await startService({
      SCANNER: 'eicar',
      WEBHOOK_ALLOW_PRIVATE: 'true',
      WEBHOOK_SECRET: webhookSecret,
      QUOTA_BYTES: '10000',
    });
  });
  afterAll(async () => {
    await browser.close();
    await service.close();
    receiver.close();
  });
  beforeEach(async () => {
    tab = await openConsole(browser, service);
  });
  afterEach(() => tab.close());

  /** Stores a file that the scanner will reject, and waits until it has. */
  async function storeMalware(fileName: string): Promise<string> {
    const { id } = await service.client.upload({ content: eicarString, name: fileName });
    await eventually(() => statusOf(id), 'REJECTED');
    return id;
  }

  const statusOf = async (id: string) =>
    (
      await service.client.ask<{ attachment: { status: string } }>(
        'query ($id: ID!) { attachment(id: $id) { status } }',
        { id },
      )
    ).attachment.status;

  const makeKey = async (...permissions: string[]) =>
    (
      await service.client.ask<{ createApiKey: { secret: string } }>(
        'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }',
        { input: { name: permissions.join(' '), permissions } },
      )
    ).createApiKey.secret;

  const openTab = (name: string) => tab.page.getByRole('tab', { name }).click();

  test('a rejected file is shown with its reason, scanned again, and released with one', async () => {
    const id = await storeMalware('report.txt');
    await tab.signIn('?page=quarantine');
    const file = tab.page.getByRole('list', { name: 'Quarantine' }).getByRole('listitem');
    await file.filter({ hasText: 'Eicar-Test-Signature' }).getByText('Malware', { exact: true }).waitFor();
    await file.getByRole('button', { name: 'Scan again: report.txt' }).click();
    await file.getByText('It will be scanned again.').waitFor();
    expect(await tab.accessibilityFaults()).toEqual([]);
    await file.getByRole('button', { name: 'Release: report.txt' }).click();
    const dialog = tab.page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Release', exact: true }).click();
    expect(await statusOf(id)).toBe('REJECTED');
    await dialog.getByLabel('Reason').fill('A test file of ours.');
    expect(await tab.accessibilityFaults()).toEqual([]);
    await dialog.getByRole('button', { name: 'Release', exact: true }).click();
    await tab.page.getByText('No file was refused.').waitFor();
    expect(await statusOf(id)).toBe('APPROVED');
    await tab.page.goto(`${service.url}/?page=administration&tab=audit&action=ATTACHMENT_RELEASED`);
    await tab.page.getByRole('listitem').getByText('A test file of ours.').waitFor();
    expect(tab.faults).toEqual([]);
  });

  test('a key is made, shown once, used, and revoked', async () => {
    await tab.signIn('?page=administration&tab=keys');
    await tab.page.getByRole('button', { name: 'Make a key' }).click();
    const form = tab.page.getByRole('dialog');
    await form.getByLabel('Name').fill('support desk');
    await form.getByLabel('Last day').fill('2099-12-31');
    expect(await tab.accessibilityFaults()).toEqual([]);
    await form.getByRole('button', { name: 'Make a key' }).click();
    const shown = tab.page.getByRole('dialog', { name: 'New key' });
    const secret = (await shown.getByText(/^cck_/).textContent()) ?? '';
    expect(await new Client(service.url, secret).ask('{ viewer { permissions } }')).toEqual({
      viewer: { permissions: ['attachments:read'] },
    });
    await shown.getByRole('button', { name: 'Close' }).click();
    const card = tab.page.getByRole('listitem').filter({ hasText: 'support desk' });
    await card.getByText('2099').waitFor();
    expect(await tab.page.content()).not.toContain(secret);
    expect(await tab.accessibilityFaults()).toEqual([]);
    await card.getByRole('button', { name: 'Revoke: support desk' }).click();
    await tab.page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await card.getByText('Revoked', { exact: true }).waitFor();
    expect((await new Client(service.url, secret).graphql('{ viewer { permissions } }')).status).toBe(401);
    expect(tab.faults).toEqual([]);
  });

  test('an endpoint is made, its secret shown once, tested, changed and removed', async () => {
    const uri = `${hook}/endpoint`;
    await tab.signIn('?page=administration&tab=endpoints');
    await tab.page.getByRole('button', { name: 'Add an endpoint' }).click();
    const form = tab.page.getByRole('dialog');
    await form.getByLabel('Receiver').fill(uri);
    await form.getByText('File linked').click();
    expect(await tab.accessibilityFaults()).toEqual([]);
    await form.getByRole('button', { name: 'Add an endpoint' }).click();
    const shown = tab.page.getByRole('dialog', { name: 'Secret of the endpoint' });
    const secret = (await shown.getByText(/^whsec_/).textContent()) ?? '';
    await shown.getByRole('button', { name: 'Close' }).click();
    const card = tab.page.getByRole('listitem').filter({ hasText: uri });
    await card.getByText('File linked').waitFor();
    expect(await tab.page.content()).not.toContain(secret);
    await card.getByRole('button', { name: 'Send a test' }).click();
    await card.getByText('A test is on its way.').waitFor();
    expect(await tab.accessibilityFaults()).toEqual([]);
    await card.getByRole('button', { name: 'Edit' }).click();
    await tab.page.getByRole('dialog').getByLabel('Note').fill('For the warehouse');
    await tab.page.getByRole('dialog').getByRole('button', { name: 'Edit' }).click();
    await card.getByText('For the warehouse').waitFor();
    await card.getByRole('link', { name: 'Webhooks' }).click();
    const delivery = tab.page.getByRole('list', { name: 'Webhooks' }).getByRole('listitem');
    for (let round = 0; round < 100 && !(await delivery.getByText('Delivered').isVisible()); round += 1)
      await tab.page.getByRole('button', { name: 'Read again' }).click();
    await delivery.getByText('Test').waitFor();
    await tab.page.goBack();
    await card.getByRole('button', { name: 'Remove' }).click();
    await tab.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await tab.page.getByText('No endpoint is told of events.').waitFor();
    expect(tab.faults).toEqual([]);
  });

  test('webhooks are shown by state, and sent again', async () => {
    receiver.answers = [500];
    const { id } = await service.client.upload(
      { content: 'told', name: 'told.txt' },
      { webhooks: [{ uri: hook, interactions: ['ATTACHMENT_APPROVED'] }] },
    );
    await tab.signIn('?page=administration&tab=deliveries');
    await tab.page.getByLabel('Id of a file').fill(id);
    await tab.page.keyboard.press('Enter');
    const card = tab.page
      .getByRole('list', { name: 'Webhooks' })
      .getByRole('listitem')
      .filter({ hasText: hook });
    await card.waitFor();
    for (let round = 0; round < 100 && !(await card.getByText('500').isVisible()); round += 1)
      await tab.page.getByRole('button', { name: 'Read again' }).click();
    await card.getByText('Queued').waitFor();
    expect(await tab.accessibilityFaults()).toEqual([]);
    await card.getByRole('button', { name: 'Send again' }).click();
    await receiver.got(2);
    for (let round = 0; round < 100 && !(await card.getByText('Delivered').isVisible()); round += 1)
      await tab.page.getByRole('button', { name: 'Read again' }).click();
    await tab.page.getByRole('button', { name: /Status/ }).click();
    await tab.page.getByRole('option', { name: 'Failed' }).click();
    await tab.page.getByText('No webhook was sent or is to be sent.').waitFor();
    expect(tab.faults).toEqual([]);
  });

  test('the audit is filtered and saved, usage and health are shown', async () => {
    const { id } = await service.client.upload({ content: 'b', name: 'b.txt' }, { description: '=1+1' });
    await tab.signIn(`?page=administration&tab=audit&attachment=${id}`);
    await tab.page.getByRole('heading', { name: 'File stored' }).waitFor();
    expect(await tab.accessibilityFaults()).toEqual([]);
    const download = tab.page.waitForEvent('download');
    await tab.page.getByRole('button', { name: 'Save as CSV' }).click();
    const lines = (await fs.readFile(await (await download).path(), 'utf8')).split('\r\n');
    expect(lines[0]).toBe('\ufeffcreatedAt,action,attachmentId,apiKeyId,principalId,principalName,details');
    expect(lines.some((line) => line.includes(`"ATTACHMENT_CREATED","${id}"`))).toBe(true);
    await tab.page.getByLabel('To', { exact: true }).fill('2000-01-01');
    await tab.page.keyboard.press('Enter');
    await tab.page.getByText('No event matches.').waitFor();
    await openTab('Usage');
    await tab.page.getByRole('meter', { name: 'Stored bytes' }).waitFor();
    expect(await tab.accessibilityFaults()).toEqual([]);
    await openTab('Jobs and health');
    await tab.page.getByText('The service can do its work.').waitFor();
    await tab.page.getByRole('rowheader', { name: 'scan' }).first().waitFor();
    expect(await tab.accessibilityFaults()).toEqual([]);
    expect(tab.faults).toEqual([]);
    await tab.page.route(/\/health\/ready$/, (route) => route.fulfill({ status: 403, json: {} }));
    await tab.page.getByRole('button', { name: 'Read again' }).click();
    await tab.page.getByText('The service cannot be reached.').waitFor();
  });

  test('a key that may only read sees no button that it may not use', async () => {
    await storeMalware('refused.txt');
    const record = { type: 'WorkPackage', id: '1' };
    const { id } = await service.client.upload({ content: 'r', name: 'r.txt' }, { record, field: 'files' });
    const reader = await makeKey('attachments:read');
    await tab.signIn('?page=records', reader);
    await tab.page.getByRole('link', { name: 'WorkPackage 1' }).click();
    await tab.page.getByRole('row', { name: 'r.txt' }).waitFor();
    const buttons = async () =>
      (await tab.page.locator('main').getByRole('button').allTextContents()).map((text) => text.trim());
    expect((await buttons()).sort()).toEqual(
      ['Find', 'Newest records', 'Save all as ZIP', 'Save as ZIP', 'Show query'].sort(),
    );
    await tab.page.goto(`${service.url}/?page=quarantine`);
    await tab.page.getByText('No file was refused.').waitFor();
    await tab.page.goto(`${service.url}/?page=administration&tab=deliveries&attachment=${id}`);
    await tab.page.getByText('No webhook was sent or is to be sent.').waitFor();
    expect(await tab.page.getByRole('tab').allTextContents()).toEqual([
      'Usage',
      'Webhooks',
      'Jobs and health',
    ]);
    expect(tab.faults).toEqual([]);
  });
});
