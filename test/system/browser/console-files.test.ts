import fs from 'node:fs/promises';
import type { Browser, Download, Page } from 'playwright-core';
import { describeWithBrowser, openBrowser } from '../../support/browser.js';
import { type ConsolePage, countKept, eventually, openConsole } from '../../support/console-page.js';
import { png } from '../../support/hostile-pictures.js';
import { readZip } from '../../support/read-zip.js';
import { startService, type TestService } from '../../support/service.js';
import { openTestDatabase } from '../../support/test-database.js';

describeWithBrowser((chromium) => {
  let browser: Browser;
  let service: TestService;
  let tab: ConsolePage;
  let page: Page;

  beforeAll(async () => {
    browser = await openBrowser(chromium);
    service = await startService({ TRASH_DAYS: '30' });
  });
  afterAll(async () => {
    await browser.close();
    await service.close();
  });
  beforeEach(async () => {
    tab = await openConsole(browser, service);
    page = tab.page;
  });
  afterEach(() => tab.close());

  const list = () => page.getByRole('grid', { name: 'Files' });
  const row = (name: string) => list().getByRole('row', { name });
  const panel = () => page.getByRole('complementary');
  const selection = () => page.getByRole('region', { name: 'Selection' });
  const dialog = () => page.getByRole('dialog');
  const uploads = () => page.getByRole('region', { name: 'Uploads' });
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();

  async function fill(...names: string[]): Promise<string[]> {
    const made: string[] = [];
    for (const name of names) made.push((await service.client.upload({ content: name, name })).id);
    return made;
  }

  const read = async (download: Promise<Download>) => fs.readFile(await (await download).path());

  const attachment = async <Fields>(id: string, fields: string): Promise<Fields | null> =>
    (
      await service.client.ask<{ attachment: Fields | null }>(
        `query ($id: ID!) { attachment(id: $id) { ${fields} } }`,
        { id },
      )
    ).attachment;

  test('files are chosen by keyboard, deleted, restored and linked together', async () => {
    const ids = await fill('bulk 1.txt', 'bulk 2.txt', 'bulk 3.txt');
    await tab.signIn('?q=bulk&order=byName');
    await row('bulk 3.txt').waitFor();
    await list().focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('Space');
    await page.keyboard.press('Shift+ArrowDown');
    await selection().getByText('2 selected').waitFor();
    await page.keyboard.press('Control+a');
    await selection().getByText('3 selected').waitFor();
    expect(await tab.accessibilityFaults()).toEqual([]);
    await press('Link to a record');
    await dialog().getByLabel('Type of the record').fill('WorkPackage');
    await dialog().getByLabel('Id of the record').fill('bulk');
    await dialog().getByRole('button', { name: 'Link to a record' }).click();
    await selection().getByText('3 linked').waitFor();
    expect(
      await Promise.all(ids.map((id) => attachment(id, 'links { nodes { field record { recordId } } }'))),
    ).toEqual(
      ids.map(() => ({ links: { nodes: [{ field: 'attachments', record: { recordId: 'bulk' } }] } })),
    );
    await list().focus();
    await page.keyboard.press('Control+a');
    await press('Delete');
    await dialog().getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No file matches.').waitFor();
    await press('Trash');
    await row('bulk 1.txt').waitFor();
    expect(new URL(page.url()).searchParams.get('trash')).toBe('1');
    await row('bulk 1.txt').locator('.react-aria-Checkbox').click();
    await press('Restore');
    await row('bulk 1.txt').waitFor({ state: 'detached' });
    await press('Trash');
    await row('bulk 1.txt').waitFor();
    expect(await list().getByRole('row').count()).toBe(1);
    expect(tab.faults).toEqual([]);
  });

  test('chosen files are saved as one ZIP, with names of their own', async () => {
    await fill('same zip.txt');
    await service.client.upload({ content: 'other', name: 'Same ZIP.txt' });
    await tab.signIn('?q=same');
    await row('same zip.txt').first().waitFor();
    await list().focus();
    await page.keyboard.press('Control+a');
    const download = page.waitForEvent('download');
    await press('Download as ZIP');
    await selection().getByText('2 in the ZIP').waitFor();
    const files = readZip(await read(download)).map(({ name, content }) => [name, String(content)]);
    expect(files).toEqual([
      ['Same ZIP.txt', 'other'],
      ['same zip (2).txt', 'same zip.txt'],
    ]);
  });

  test('every filter is in the address, and the view is shown as a query', async () => {
    const { viewer } = await service.client.ask<{ viewer: { principal: { id: string } } }>(
      '{ viewer { principal { id } } }',
    );
    await service.client.upload(
      { content: 'used', name: 'filter used.txt' },
      { record: { type: 'A/B', id: '1' }, field: 'files' },
    );
    await service.client.upload({ content: Uint8Array.from(png(30, 20)), name: 'filter unused.png' });
    await tab.signIn('?q=filter&view=grid');
    await page.getByText('2 files', { exact: true }).waitFor();
    while (
      !(await page.locator('.tile img').evaluate((image) => 'naturalWidth' in image && image.naturalWidth))
    );
    expect(await tab.accessibilityFaults()).toEqual([]);
    await page.goto(`${service.url}/?q=filter&use=expiring&age=day&creator=${viewer.principal.id}`);
    await row('filter unused.png').waitFor();
    expect(await list().getByRole('row').count()).toBe(1);
    await press('Show query');
    const query = JSON.parse(await dialog().getByLabel('Variables', { exact: true }).inputValue());
    const { fileNameContains, claimed, linked, createdBy, createdAfter } = query.filter;
    expect({ fileNameContains, claimed, linked, createdBy }).toEqual({
      fileNameContains: 'filter',
      claimed: false,
      linked: false,
      createdBy: viewer.principal.id,
    });
    expect(typeof createdAfter).toBe('string');
    const document = await dialog().getByLabel('GraphQL', { exact: true }).inputValue();
    const asked = await service.client.ask<{ attachments: { nodes: unknown[] } }>(document, query);
    expect(asked.attachments.nodes.length).toBe(1);
    await press('Close');
    await page.goto(`${service.url}/?q=filter&age=older`);
    await page.getByText('No file matches.').waitFor();
    await page.goto(`${service.url}/?q=filter&record=A%252FB/1`);
    await row('filter used.txt').waitFor();
    expect(await list().getByRole('row').count()).toBe(1);
  });

  test.each(['age', 'order', 'status', 'type', 'use'])(
    'an address with an unknown %s shows all',
    async (name) => {
      await fill(`unknown ${name}.txt`);
      for (const value of ['constructor', '__proto__']) {
        await tab.signIn(`?q=unknown&${name}=${value}`);
        await row(`unknown ${name}.txt`).waitFor();
      }
      expect(tab.faults).toEqual([]);
    },
  );

  test('a page that is refused is asked for again by a button alone', async () => {
    await fill(...Array.from({ length: 60 }, (_, index) => `paged ${String(index).padStart(2, '0')}.txt`));
    let asked = 0;
    let isRefused = true;
    const errors = [{ message: 'Too many requests.', extensions: { code: 'RATE_LIMITED' } }];
    await page.route(/\/graphql$/, async (route) => {
      const { variables } = route.request().postDataJSON() as { variables?: { after?: string | null } };
      if (typeof variables?.after === 'string') asked += 1;
      if (typeof variables?.after === 'string' && isRefused)
        await route.fulfill({ status: 429, json: { errors } });
      else await route.continue();
    });
    await tab.signIn('?q=paged&order=byName');
    await row('paged 00.txt').waitFor();
    await list().focus();
    await page.keyboard.press('End');
    await page.getByText('Too many requests.').waitFor();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(asked).toBe(1);
    expect(await tab.accessibilityFaults()).toEqual([]);
    isRefused = false;
    await press('Try again');
    await page.getByText('Too many requests.').waitFor({ state: 'detached' });
    await list().focus();
    await page.keyboard.press('End');
    await row('paged 59.txt').waitFor();
    expect(asked).toBe(2);
  });

  test('a damaged file is found by a filter, and says so', async () => {
    const [id] = await fill('broken.txt', 'whole.txt');
    const database = await openTestDatabase(service.dataDirectory);
    const blob = `SELECT blob_id FROM attachments WHERE id = '${id}'`;
    await database.write((manager) =>
      manager.query(`UPDATE blobs SET damaged_at = created_at WHERE id = (${blob})`),
    );
    await database.close();
    await tab.signIn(`?use=damaged&file=${id}`);
    await row('broken.txt').getByText('Damaged').waitFor();
    expect(await list().getByRole('row').count()).toBe(1);
    await panel().getByText('Its stored bytes are damaged or gone.').waitFor();
    expect(await panel().getByRole('link', { name: 'Download' }).count()).toBe(0);
    expect(tab.faults).toEqual([]);
  });

  test('an upload is paused, resumed, and goes on after the page is loaded again', async () => {
    const size = 9 * 1024 * 1024;
    const path = `${service.dataDirectory}/kept film.bin`;
    await fs.writeFile(path, Buffer.alloc(size, 7));
    await tab.signIn('?q=kept');
    let isHeld = true;
    await page.context().route(/\/uploads\//, async (route) => {
      if (isHeld && route.request().method() === 'PATCH') return;
      await route.continue();
    });
    await page.locator('input[type=file]').first().setInputFiles(path);
    await uploads().getByText('Uploading').waitFor();
    await press('Pause: kept film.bin');
    await uploads().getByText('Paused').waitFor();
    await press('Resume: kept film.bin');
    await uploads().getByText('Uploading').waitFor();
    while ((await page.evaluate(countKept)) !== 1);
    await page.reload();
    await uploads().getByText('kept film.bin').waitFor();
    isHeld = false;
    await page.reload();
    await uploads().getByText('Approved').waitFor();
    await row('kept film.bin').waitFor();
    await page.reload();
    await row('kept film.bin').waitFor();
    expect(await uploads().count()).toBe(0);
    expect(await list().getByRole('row').count()).toBe(1);
  });

  test('an upload goes on once its owner has signed in again', async () => {
    await tab.signIn('?q=again');
    let hasEnded = false;
    const errors = [{ message: 'No.', extensions: { code: 'UNAUTHENTICATED' } }];
    await page.route(/\/graphql$/, async (route) => {
      if (hasEnded) await route.fulfill({ status: 401, json: { errors } });
      else if (route.request().headers()['content-type']?.startsWith('multipart/') !== true)
        await route.continue();
    });
    await page
      .locator('input[type=file]')
      .first()
      .setInputFiles({ name: 'again.txt', mimeType: 'text/plain', buffer: Buffer.from('again') });
    await eventually(() => page.evaluate(countKept), 1);
    hasEnded = true;
    await page.getByRole('button', { name: 'Trash' }).click();
    await page.getByText('This credential is not accepted.').waitFor();
    expect(await page.evaluate('sessionStorage.getItem("claimcheck:credential")')).toBeNull();
    await page.unroute(/\/graphql$/);
    await page.getByLabel('API key or token').fill(service.key);
    await page.keyboard.press('Enter');
    await uploads().getByText('Approved').waitFor();
  });

  test('files are pasted, and one is cancelled', async () => {
    await tab.signIn('?q=pasted');
    await page.context().route(/\/graphql$/, async (route) => {
      if (route.request().headers()['content-type']?.startsWith('multipart/') !== true)
        await route.continue();
    });
    const paste = `(() => {
      const data = new DataTransfer();
      data.items.add(new File(['x'], 'pasted.txt', { type: 'text/plain' }));
      document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
    })()`;
    await page.evaluate(paste);
    await press('Cancel: pasted.txt');
    await uploads().waitFor({ state: 'detached' });
    await page.context().unrouteAll({ behavior: 'ignoreErrors' });
    await page.evaluate(paste);
    await row('pasted.txt').waitFor();
    expect(await list().getByRole('row').count()).toBe(1);
  });

  test('a file has versions, a description, a receipt, a history and a trash', async () => {
    const [id = ''] = await fill('life.txt');
    await tab.signIn(`?q=life&file=${id}`);
    await press('Edit name and description');
    await page.getByLabel('Description (Markdown)').fill('It *lives*');
    await press('Save');
    await panel().locator('.description em').waitFor();
    const receipt = page.waitForEvent('download');
    await press('Save receipt');
    const named = await attachment<{ receipt: string }>(id, 'receipt');
    const payload = (jws: string) => JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString());
    const saved = payload(String(await read(receipt)));
    expect(saved.sha256).toBe(payload(named?.receipt ?? '').sha256);
    await panel().getByRole('tab', { name: 'Versions' }).click();
    await page
      .getByRole('tabpanel')
      .locator('input[type=file]')
      .setInputFiles({ name: 'next.txt', mimeType: 'text/plain', buffer: Buffer.from('next') });
    await panel().getByRole('heading', { name: 'Version 2 (current)' }).waitFor();
    expect(await attachment(id, 'version fileName size')).toEqual({
      version: 2,
      fileName: 'life.txt',
      size: 4,
    });
    expect(await tab.accessibilityFaults()).toEqual([]);
    await panel().getByRole('tab', { name: 'History' }).click();
    const events = panel().getByRole('list', { name: 'Audit' }).locator('strong');
    await events.getByText('Content replaced').waitFor();
    expect((await events.allTextContents()).at(-1)).toBe('File stored');
    expect(await tab.accessibilityFaults()).toEqual([]);
    await panel().getByRole('tab', { name: 'Webhooks' }).click();
    await panel().getByText('No webhook was sent or is to be sent.').waitFor();
    await panel().getByRole('tab', { name: 'Overview' }).click();
    await press('Delete');
    await dialog().getByRole('button', { name: 'Delete' }).click();
    await panel().getByText('It is in the trash.').waitFor();
    await press('Restore');
    await panel().getByText('It is neither claimed nor linked.').waitFor();
    expect(tab.faults).toEqual([]);
  });

  test('the focus stays near what had it, and the title tells the page', async () => {
    await fill('focus 1.txt', 'focus 2.txt');
    await tab.signIn('?q=focus&order=byName');
    const isFocused = (name: RegExp | string, role: 'button' | 'row' | 'textbox') =>
      page.getByRole(role, { name }).and(page.locator(':focus')).waitFor();
    const enter = async (name: string) => {
      await page.getByRole('button', { name, exact: true }).focus();
      await page.keyboard.press('Enter');
    };
    await row('focus 2.txt').focus();
    await page.keyboard.press('Enter');
    await panel().getByText('It is neither claimed nor linked.').waitFor();
    await enter('Close');
    await isFocused('focus 2.txt', 'row');
    await page.keyboard.press('Enter');
    await enter('Edit name and description');
    await isFocused('Name', 'textbox');
    await enter('Cancel');
    await isFocused('Edit name and description', 'button');
    for (const label of ['Delete', 'Delete for good']) {
      await enter(label);
      await dialog().getByRole('button', { name: label }).focus();
      await page.keyboard.press('Enter');
      if (label === 'Delete') await panel().getByText('It is in the trash.').waitFor();
    }
    await panel().waitFor({ state: 'detached' });
    await isFocused('focus 1.txt', 'row');
    expect(await page.title()).toBe('Files · Claimcheck');
    await page.goto(`${service.url}/?page=records&record=WorkPackage/7`);
    await eventually(() => page.title(), 'WorkPackage 7 · Records · Claimcheck');
    expect(tab.faults).toEqual([]);
  });

  test('a share link is made, shown once with its code, and revoked', async () => {
    const [id = ''] = await fill('shared.txt');
    await tab.signIn(`?q=shared&file=${id}&tab=shares`);
    await panel().getByText('Nobody has shared it.').waitFor();
    await press('Make a share link');
    await dialog().getByLabel('Downloads at most').fill('3');
    await dialog().getByRole('button', { name: 'Make a share link' }).click();
    const made = panel().getByRole('region', { name: 'New share link' });
    const url = (await made.locator('code').textContent()) ?? '';
    await made.getByRole('img', { name: 'QR code of the new share link' }).waitFor();
    expect(await tab.accessibilityFaults()).toEqual([]);
    expect(await (await fetch(url)).text()).toBe('shared.txt');
    await page.reload();
    await panel().getByText('Downloads: 1 / 3').waitFor();
    expect(await panel().getByText(url).count()).toBe(0);
    await press('Revoke');
    await panel().getByText('Revoked').waitFor();
    expect((await fetch(url)).status).toBe(410);
    expect(tab.faults).toEqual([]);
  });

  test('a file that has been open for long is downloaded by a new link', async () => {
    const [id = ''] = await fill('open.txt');
    await page.route('**/graphql', async (route) => {
      if (!route.request().postData()?.includes('query File(')) return route.continue();
      const response = await route.fetch();
      const body = (await response.text()).replace(/expires=\d+/g, 'expires=1');
      await route.fulfill({ response, body });
    });
    await tab.signIn(`?q=open&file=${id}`);
    const download = page.waitForEvent('download');
    await panel().getByRole('link', { name: 'Download' }).click();
    expect(String(await read(download))).toBe('open.txt');
    await page.unroute('**/graphql');
    await page.route('**/graphql', (route) => route.fulfill({ json: { data: { attachment: null } } }));
    await panel().getByRole('link', { name: 'Download' }).click();
    await panel().getByText('There is no such file').waitFor();
  });

  test.each([
    ['a text', 'note.txt', 'plain <b>text</b>', 'pre', 'plain <b>text</b>'],
    ['Markdown', 'note.md', '# Title\n\n<script>parent.hit=1</script>', 'h1', 'Title'],
    ['a page as its source', 'page.html', '<!doctype html><script>parent.hit=1</script>', 'pre', '<!doctype'],
  ])('%s is shown in a frame that runs nothing', async (_what, name, content, element, shown) => {
    const { id } = await service.client.upload({ content, name });
    await tab.signIn(`?q=none&file=${id}`);
    const frame = panel().frameLocator('iframe');
    await frame.locator(element, { hasText: shown }).waitFor();
    expect(await panel().locator('iframe').getAttribute('sandbox')).toBe('');
    expect(await page.evaluate('window.hit')).toBeUndefined();
    expect(tab.faults.filter((fault) => !/Blocked script execution/.test(fault))).toEqual([]);
  });

  test('a recording is played in a frame that runs nothing, when it is asked for', async () => {
    const { id } = await service.client.upload({ content: Uint8Array.from(wav(8_000)), name: 'sound.wav' });
    await tab.signIn(`?q=none&file=${id}`);
    await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
    expect(await panel().locator('iframe').count()).toBe(0);
    await press('Play');
    const media = panel().frameLocator('iframe').locator('video, audio');
    await media.waitFor({ state: 'attached' });
    while ((await media.evaluate((element) => 'duration' in element && element.duration)) !== 1);
    expect(await panel().locator('iframe').getAttribute('sandbox')).toBe('');
  });

  test('texts of people run in no part of a file', async () => {
    const script = '<img src=x onerror=window.hit=1>';
    const { id } = await service.client.upload(
      { content: `${script}`, name: `xss ${script}.txt` },
      {
        description: `${script} <script>window.hit=1</script>`,
        record: { type: script, id: script },
        field: script,
        metadata: { type: script, attributes: { [script]: script } },
      },
    );
    await tab.signIn(`?q=xss&file=${id}&trash=`);
    await panel().getByText('owner').waitFor();
    for (const name of ['Versions', 'Shares', 'History']) {
      await panel().getByRole('tab', { name }).click();
      await page.getByRole('tabpanel').locator('li, .notice').first().waitFor();
    }
    await page.goto(`${service.url}/?q=xss&record=${encodeURIComponent(`${script}/${script}`)}`);
    await row('xss').waitFor();
    expect(await page.evaluate('window.hit')).toBeUndefined();
    expect(await page.locator('img[src="x"]').count()).toBe(0);
    expect(tab.faults).toEqual([]);
  });

  test('a key that may only read has no button that changes anything', async () => {
    const [id = ''] = await fill('readonly.txt');
    await service.client.ask(
      'mutation ($id: ID!) { linkAttachments(input: { attachmentIds: [$id], record: { type: "T", id: "ro" } }) { field { version } } }',
      { id },
    );
    const { createApiKey } = await service.client.ask<{ createApiKey: { secret: string } }>(
      'mutation { createApiKey(input: { name: "only reads", permissions: ["attachments:read"] }) { secret } }',
    );
    await tab.signIn(`?q=readonly&file=${id}`, createApiKey.secret);
    await row('readonly.txt').locator('.react-aria-Checkbox').click();
    await selection().getByText('1 selected').waitFor();
    await panel().getByText('SHA-256').waitFor();
    const buttons = async () => (await page.getByRole('button').allTextContents()).map((name) => name.trim());
    expect((await buttons()).filter((name) => changing.test(name))).toEqual([]);
    expect(await panel().getByRole('tab').allTextContents()).toEqual([
      'Overview',
      'Versions',
      'Shares',
      'Webhooks',
    ]);
    await panel().getByRole('tab', { name: 'Versions' }).click();
    await panel().getByRole('heading', { name: 'Version 1' }).waitFor();
    await panel().getByRole('tab', { name: 'Shares' }).click();
    await panel().getByText('Nobody has shared it.').waitFor();
    expect((await buttons()).filter((name) => changing.test(name))).toEqual([]);
    expect(tab.faults).toEqual([]);
  });

  test('in German, in the dark and on a phone', async () => {
    const [id = ''] = await fill('handy.txt');
    await page.setViewportSize({ width: 360, height: 700 });
    await tab.signIn('?q=handy&view=grid');
    await press('Dark');
    await press('Deutsch');
    await press('Mehr Filter');
    await page.getByLabel('Id des Urhebers').waitFor();
    const isNarrow = async () => Number(await page.evaluate('document.documentElement.scrollWidth')) <= 360;
    expect([await tab.accessibilityFaults(), await isNarrow()]).toEqual([[], true]);
    await page.goto(`${service.url}/?q=handy&file=${id}`);
    for (const name of ['Überblick', 'Versionen', 'Freigaben', 'Verlauf', 'Webhooks']) {
      await panel().getByRole('tab', { name }).click();
      await page.getByRole('tabpanel').locator('h3, .notice, strong').first().waitFor();
      expect([name, await tab.accessibilityFaults(), await isNarrow()]).toEqual([name, [], true]);
    }
    expect(tab.faults).toEqual([]);
  });
});

/** A second of silence has 8,000 samples. */
function wav(samples: number): Buffer {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(36 + samples, 4);
  head.write('WAVEfmt ', 8, 'latin1');
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(8_000, 24);
  head.writeUInt32LE(8_000, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write('data', 36, 'latin1');
  head.writeUInt32LE(samples, 40);
  return Buffer.concat([head, Buffer.alloc(samples, 128)]);
}

/** Names of buttons that change something. */
const changing = /delete|restore|link|upload|replace|edit|revoke|save$|make|share|rescan|send/i;
