import fs from 'node:fs/promises';
import type { Browser, Locator } from 'playwright-core';
import { describeWithBrowser, openBrowser } from '../../support/browser.js';
import type { AttachmentData } from '../../support/client.js';
import { type ConsolePage, countKept, eventually, openConsole } from '../../support/console-page.js';
import { png } from '../../support/hostile-pictures.js';
import { readZip } from '../../support/read-zip.js';
import { startService, type TestService } from '../../support/service.js';

describeWithBrowser((chromium) => {
  let browser: Browser;
  let service: TestService;
  let tab: ConsolePage;
  let lastRecord = 0;
  let record: { type: string; id: string };

  beforeAll(async () => {
    browser = await openBrowser(chromium);
    service = await startService();
  });
  afterAll(async () => {
    await browser.close();
    await service.close();
  });
  beforeEach(async () => {
    lastRecord += 1;
    record = { type: 'WorkPackage', id: String(lastRecord) };
    tab = await openConsole(browser, service);
  });
  afterEach(() => tab.close());

  const query = () => `?page=records&record=${record.type}/${record.id}`;
  const field = (name = 'files') => tab.page.getByRole('region', { name, exact: true });
  const list = (name = 'files') => field(name).getByRole('grid', { name });
  const names = (rows: Locator) => rows.locator('.name > bdi').allTextContents();

  /** Files in the record's field, in this order. */
  async function fill(...fileNames: string[]): Promise<AttachmentData[]> {
    const made: AttachmentData[] = [];
    for (const name of fileNames)
      made.push(
        await service.client.upload({ content: `${lastRecord} ${name}`, name }, { record, field: 'files' }),
      );
    return made;
  }

  const stored = async (): Promise<string[]> => {
    const { record: found } = await service.client.ask<{
      record: { field: { links: { attachment: { fileName: string } }[] } };
    }>(
      `query ($type: String!, $id: ID!) { record(type: $type, id: $id) {
        field(name: "files") { links(includePending: true) { attachment { fileName } } } } }`,
      record,
    );
    return found.field.links.map(({ attachment }) => attachment.fileName);
  };

  test.each([[['attachments:read']], [['attachments:read', 'attachments:admin']]])(
    'a credential is asked for once a key with %j has ended',
    async (permissions) => {
      const { createApiKey } = await service.client.ask<{
        createApiKey: { secret: string; apiKey: { id: string } };
      }>('mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret apiKey { id } } }', {
        input: { name: 'ends', permissions },
      });
      await tab.signIn('', createApiKey.secret);
      await service.client.ask(
        'mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { apiKey { id } } }',
        createApiKey.apiKey,
      );
      await tab.page.getByRole('link', { name: 'Records' }).click();
      await tab.page.getByText('This credential is not accepted.').waitFor();
      await tab.page.getByLabel('API key or token').fill(service.key);
      await tab.page.keyboard.press('Enter');
      await tab.page.getByText('Newest records').waitFor();
    },
  );

  const link = (ids: readonly string[], mode: string) =>
    service.client.ask(
      'mutation ($input: LinkAttachmentsInput!) { linkAttachments(input: $input) { field { version } } }',
      { input: { record, field: 'files', attachmentIds: ids, mode } },
    );

  /** Moves the row of this name down by keyboard alone. */
  async function moveDown(name: string): Promise<void> {
    await list().getByRole('row', { name }).getByRole('button', { name: /^Drag/ }).focus();
    await tab.page.keyboard.press('Enter');
    // The places to drop it at are there, and one of them is chosen, a moment after the key.
    const chosen = tab.page.getByRole('button', { name: 'Insert' }).and(tab.page.locator(':focus'));
    await chosen.waitFor({ state: 'attached' });
    await tab.page.keyboard.press('ArrowDown');
    await tab.page.keyboard.press('Enter');
  }

  test('a record is found, and among the newest', async () => {
    await fill('a.txt');
    await tab.signIn();
    await tab.page.getByRole('link', { name: 'Records' }).click();
    await tab.page.getByRole('link', { name: `${record.type} ${record.id}` }).waitFor();
    expect(await tab.accessibilityFaults()).toEqual([]);
    await tab.page.getByLabel('Record type').fill(record.type);
    await tab.page.getByLabel('Record id').fill(record.id);
    await tab.page.keyboard.press('Enter');
    await list().getByRole('row', { name: 'a.txt' }).waitFor();
    expect(await tab.accessibilityFaults()).toEqual([]);
    await tab.page.getByRole('button', { name: 'Show query' }).click();
    expect(await tab.page.getByLabel('GraphQL', { exact: true }).inputValue()).toContain('query Record');
    expect(await tab.accessibilityFaults()).toEqual([]);
    await tab.page.getByRole('dialog').getByRole('link', { name: 'API explorer' }).click();
    await tab.page.locator('.graphiql-query-editor .view-lines', { hasText: 'fragment' }).waitFor();
    await tab.page.getByLabel('Execute query').click();
    await tab.page.locator('.graphiql-response .view-lines', { hasText: 'a.txt' }).waitFor();
    expect(tab.faults).toEqual([]);
  });

  test('files are put in order by pointer and by keyboard', async () => {
    await fill('a.txt', 'b.txt', 'c.txt');
    await tab.signIn(query());
    await list().getByRole('row', { name: 'c.txt' }).waitFor();
    await moveDown('a.txt');
    await eventually(() => stored(), ['b.txt', 'a.txt', 'c.txt']);
    await list()
      .getByRole('row', { name: 'c.txt' })
      .dragTo(list().getByRole('row', { name: 'b.txt' }), { targetPosition: { x: 100, y: 4 } });
    await eventually(() => stored(), ['c.txt', 'b.txt', 'a.txt']);
    expect(await names(list().getByRole('row'))).toEqual(['c.txt', 'b.txt', 'a.txt']);
    expect(tab.faults).toEqual([]);
  });

  test.each([
    ['Keep yours', ['b.txt', 'a.txt']],
    ['Keep theirs', ['a.txt', 'b.txt', 'c.txt']],
    ['Keep your order and their files', ['b.txt', 'a.txt', 'c.txt']],
  ])('a change of somebody else meanwhile is shown: %s', async (choice, expected) => {
    await fill('a.txt', 'b.txt');
    const other = await service.client.upload({ content: `c ${record.id}`, name: 'c.txt' });
    let isFirst = true;
    await tab.page.route('**/graphql', async (route) => {
      if (isFirst && route.request().postData()?.includes('mutation Link')) {
        isFirst = false;
        await link([other.id], 'ADD');
      }
      await route.continue();
    });
    await tab.signIn(query());
    await list().getByRole('row', { name: 'b.txt' }).waitFor();
    await moveDown('a.txt');
    const dialog = tab.page.getByRole('alertdialog', { name: 'Somebody changed this field' });
    await dialog.waitFor();
    expect(
      await dialog.getByRole('region', { name: 'Theirs' }).getByRole('listitem').allTextContents(),
    ).toEqual(['a.txt ', 'b.txt ', 'c.txt (only here)']);
    expect(await tab.accessibilityFaults()).toEqual([]);
    await dialog.getByRole('button', { name: choice, exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
    await eventually(() => stored(), expected);
    expect(tab.faults).toEqual([]);
  });

  test('files are added and removed, shown until they are purged, and saved as ZIP', async () => {
    const [first] = await fill('a.txt');
    const loose = await service.client.upload({ content: png(60, 40), name: 'loose.png' });
    await tab.signIn(query());
    await field().getByLabel('Ids of stored files').fill(loose.id);
    await tab.page.keyboard.press('Enter');
    await list().getByRole('row', { name: 'loose.png' }).waitFor();
    await field()
      .locator('input[type=file]')
      .setInputFiles([{ name: 'b.txt', mimeType: 'text/plain', buffer: Buffer.from(`b ${record.id}`) }]);
    await list().getByRole('row', { name: 'b.txt' }).waitFor();
    await field().getByRole('button', { name: 'Remove: a.txt' }).click();
    const unlinked = tab.page.getByRole('region', { name: 'In no field' });
    await unlinked.getByText('a.txt').waitFor();
    await unlinked.getByText('Will be deleted').waitFor();
    expect(await stored()).toEqual(['loose.png', 'b.txt']);
    expect(await tab.accessibilityFaults()).toEqual([]);
    await unlinked.getByRole('button', { name: 'Put into files: a.txt' }).click();
    await unlinked.getByText('All files of this record are in a field.').waitFor();
    expect(await stored()).toEqual(['loose.png', 'b.txt', first?.fileName]);
    const download = tab.page.waitForEvent('download');
    await field().getByRole('button', { name: 'Save as ZIP: files' }).click();
    const zip = await fs.readFile(await (await download).path());
    expect(readZip(zip).map(({ name }) => name)).toEqual(['loose.png', 'b.txt', 'a.txt']);
    await field().getByLabel('Ids of stored files').fill('01a1fbd2-2c3d-7e4f-8051-0123456789ab');
    await tab.page.keyboard.press('Enter');
    await field().getByRole('alert').waitFor();
    expect(tab.faults).toEqual([]);
  });

  test('uploads into a field go on while another page is shown, and after a reload', async () => {
    const [name, content] = ['film.bin', Buffer.alloc(9 * 1024 * 1024, lastRecord)];
    await fs.writeFile(`${service.dataDirectory}/${name}`, content);
    await fill('a.txt');
    await tab.signIn(query());
    let isHeld = true;
    await tab.context.route(/\/uploads\//, async (route) => {
      if (isHeld && route.request().method() === 'PATCH') return;
      await route.continue();
    });
    await field().locator('input[type=file]').setInputFiles(`${service.dataDirectory}/${name}`);
    const uploads = tab.page.getByRole('region', { name: 'Uploads' });
    await uploads.getByText('Uploading').waitFor();
    await tab.page.getByRole('link', { name: 'Files' }).click();
    await tab.page.getByRole('grid', { name: 'Files' }).waitFor();
    await uploads.getByText(`WorkPackage ${record.id}, files`).waitFor();
    await eventually(() => tab.page.evaluate(countKept), 1);
    await tab.page.reload();
    await uploads.getByText('Uploading').waitFor();
    isHeld = false;
    await tab.page.reload();
    await uploads.getByText('Approved').waitFor();
    await eventually(stored, ['a.txt', name]);
  });

  test('changes of others are seen as they happen', async () => {
    const [first] = await fill('a.txt', 'b.txt');
    await tab.signIn(query());
    await list().getByRole('row', { name: 'b.txt' }).waitFor();
    await fill('c.txt');
    await list().getByRole('row', { name: 'c.txt' }).waitFor();
    await link([first?.id ?? ''], 'REMOVE');
    await list().getByRole('row', { name: 'a.txt' }).waitFor({ state: 'detached' });
    expect(tab.faults).toEqual([]);
  });
});
