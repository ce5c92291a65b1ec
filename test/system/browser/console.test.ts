import fs from 'node:fs/promises';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { describeWithBrowser, keepFaults, openBrowser } from '../../support/browser.js';
import { Client } from '../../support/client.js';
import { eventually } from '../../support/console-page.js';
import { png } from '../../support/hostile-pictures.js';
import { startService, type TestService } from '../../support/service.js';

/** All of WCAG 2.2 AA that a program can tell, and what its authors advise. */
const rulesets = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const content = (bytes: Uint8Array) => Uint8Array.from(bytes);

describeWithBrowser((chromium) => {
  let browser: Browser;
  let service: TestService;
  let page: Page;
  let faults: string[];
  let asked: string[];

  beforeAll(async () => {
    browser = await openBrowser(chromium);
    service = await startService({ SCANNER: 'eicar' });
    await service.client.upload({ content: content(png(300, 200)), name: 'picture.png' });
    await service.client.upload(
      { content: 'text', name: 'notes.txt' },
      { description: '*Quarterly* notes', record: { type: 'WorkPackage', id: '7' }, field: 'files' },
    );
  });
  afterAll(async () => {
    await browser.close();
    await service.close();
  });

  beforeEach(async () => {
    const context = await browser.newContext({ locale: 'en', viewport: { width: 1200, height: 800 } });
    page = await context.newPage();
    faults = keepFaults(page);
    asked = [];
    await page.context().route(/./, async (route) => {
      asked.push(route.request().url());
      await route.continue();
    });
  });
  afterEach(async () => {
    expect(asked.filter((url) => !url.startsWith(service.url) && !url.startsWith('data:'))).toEqual([]);
    expect(asked.filter((url) => url.includes(service.key))).toEqual([]);
    await page.context().close();
  });

  async function signIn(query = '', key = service.key): Promise<void> {
    await page.goto(`${service.url}/${query}`);
    await page.getByLabel('API key or token').fill(key);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
  }

  /** A file on the disk, as one that is dragged is. */
  async function writeFile(name: string): Promise<string> {
    const path = join(service.dataDirectory, name);
    await fs.writeFile(path, name);
    return path;
  }

  /** Drags a file over the list and drops it there. */
  async function drop(path: string): Promise<void> {
    const session = await page.context().newCDPSession(page);
    const data = { items: [], files: [path], dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
      await session.send('Input.dispatchDragEvent', { type, x: 300, y: 400, data });
  }

  const row = (name: string) => page.getByRole('row', { name });

  /** Names what is wrong with the page for people who see, hear or type otherwise. */
  async function accessibilityFaults(): Promise<string[]> {
    await page.evaluate(axe.source);
    const violations = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(
      `axe.run(document, { runOnly: ${JSON.stringify(rulesets)} }).then(({ violations }) => violations)`,
    );
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  }

  test('a bad key is refused in words, a good one is remembered by the tab alone', async () => {
    await page.goto(service.url);
    await page.getByLabel('API key or token').fill('cck_nobody_has_this_key_of_all_keys_there_are');
    await page.keyboard.press('Enter');
    await page.getByText('This credential is not accepted.').waitFor();
    expect(await accessibilityFaults()).toEqual([]);
    // Chromium tells of the answer 401.
    expect(faults.filter((fault) => !fault.includes('401'))).toEqual([]);
    faults.length = 0;
    await signIn();
    await row('picture.png').waitFor();
    await page.reload();
    await row('picture.png').waitFor();
    const other = await page.context().newPage();
    await other.goto(service.url);
    await other.getByLabel('API key or token').waitFor();
    await other.close();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API key or token').waitFor();
    expect(await page.evaluate('sessionStorage.length + localStorage.length')).toBe(0);
    expect(faults).toEqual([]);
  });

  test('a key that no request can have is refused, and a refusal for another reason can be tried again', async () => {
    await page.goto(service.url);
    await page.getByLabel('API key or token').fill('cck_copied…');
    await page.keyboard.press('Enter');
    await page.getByText('This credential is not accepted.').waitFor();
    const body = { errors: [{ message: 'Too many requests.', extensions: { code: 'RATE_LIMITED' } }] };
    await page.route('**/graphql', (route) => route.fulfill({ status: 429, json: body }), { times: 1 });
    await page.getByLabel('API key or token').fill(service.key);
    await page.keyboard.press('Enter');
    await page.getByText('Too many requests.').waitFor();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await row('picture.png').waitFor();
  });

  test('an address with a page that there is none of shows the files', async () => {
    await signIn('?page=nonsense');
    await row('picture.png').waitFor();
    expect(await page.getByRole('link', { name: 'Files' }).getAttribute('aria-current')).toBe('page');
  });

  test('files are shown with previews, searched and filtered by the address', async () => {
    await signIn();
    await row('notes.txt').waitFor();
    // Not by waitForFunction: the page's policy lets it look once only.
    await eventually(() => page.evaluate<number>('document.querySelector(".row img")?.naturalWidth'), 128);
    await page.getByLabel('Search by name').fill('note');
    await row('picture.png').waitFor({ state: 'detached' });
    expect(new URL(page.url()).search).toBe('?q=note');
    await page.reload();
    await row('notes.txt').waitFor();
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await row('picture.png').waitFor();
    await page.getByRole('button', { name: /Type/ }).click();
    await page.getByRole('option', { name: 'Images' }).click();
    await row('notes.txt').waitFor({ state: 'detached' });
    expect(new URL(page.url()).search).toBe('?type=images');
    await page.goBack();
    await row('notes.txt').waitFor();
    expect(faults).toEqual([]);
  });

  test('a file is opened by keyboard, and shows its facts and where it is used', async () => {
    await signIn();
    await row('notes.txt').waitFor();
    await page.getByRole('grid', { name: 'Files' }).focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    const panel = page.getByRole('complementary', { name: 'notes.txt' });
    await panel.getByText('WorkPackage 7').first().waitFor();
    expect(await panel.locator('.description em').textContent()).toBe('Quarterly');
    expect(await accessibilityFaults()).toEqual([]);
    await panel.getByRole('button', { name: 'Close' }).click();
    await row('picture.png').click();
    const other = page.getByRole('complementary', { name: 'picture.png' });
    await other.getByText('300 × 200').waitFor();
    await other.getByText('It is neither claimed nor linked.').waitFor();
    const download = page.waitForEvent('download');
    await other.getByRole('link', { name: 'Download' }).click();
    expect((await download).suggestedFilename()).toBe('picture.png');
    expect(faults).toEqual([]);
  });

  test('files are uploaded, by a button or dropped, and their verdicts shown', async () => {
    await signIn('?q=upload');
    await page.getByText('No file matches.').waitFor();
    await page
      .locator('input[type=file]')
      .first()
      .setInputFiles([
        { name: 'upload one.txt', mimeType: 'text/plain', buffer: Buffer.from('one') },
        { name: 'upload two.txt', mimeType: 'text/plain', buffer: Buffer.from('two') },
      ]);
    const uploads = page.getByRole('region', { name: 'Uploads' });
    await uploads.getByText('Approved').nth(1).waitFor();
    await row('upload two.txt').waitFor();
    await drop(await writeFile('upload three.txt'));
    await row('upload three.txt').waitFor();
    expect(await accessibilityFaults()).toEqual([]);
    expect(faults).toEqual([]);
  });

  test('a refused upload says why, and can be tried again', async () => {
    await signIn();
    await page
      .locator('input[type=file]')
      .first()
      .setInputFiles([{ name: 'CON', mimeType: 'text/plain', buffer: Buffer.from('x') }]);
    const uploads = page.getByRole('region', { name: 'Uploads' });
    await uploads.getByRole('alert').waitFor();
    expect(await uploads.getByRole('alert').textContent()).toBe(
      'The file name is reserved by an operating system.',
    );
    await uploads.getByRole('button', { name: 'Try again' }).click();
    await uploads.getByRole('alert').waitFor();
  });

  test('texts that people write run nowhere', async () => {
    const script = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
    const { id } = await service.client.upload(
      { content: 'x', name: `xss ${script.replaceAll('/', '')}.txt` },
      {
        description: `${script} [x](javascript:window.hit=1)`,
        record: { type: `<b>${script}`, id: script },
        field: 'f<b>',
      },
    );
    await signIn(`?q=xss&file=${id}`);
    await page.getByRole('complementary').getByText('owner').waitFor();
    await row('xss').waitFor();
    expect(await page.evaluate('window.hit')).toBeUndefined();
    expect(await page.locator('.panel b, .row b, .panel .description img').count()).toBe(0);
    expect(faults).toEqual([]);
  });

  test('a long list loads page by page, with few rows in the document', async () => {
    const names = Array.from({ length: 130 }, (_, index) => `long ${String(index).padStart(3, '0')}.txt`);
    for (const name of names) await service.client.upload({ content: name, name });
    await signIn('?q=long&order=byName');
    await row('long 000.txt').waitFor();
    const list = page.getByRole('grid', { name: 'Files' });
    await list.focus();
    for (let round = 0; round < 60 && (await row('long 129.txt').count()) === 0; round += 1) {
      await list.evaluate((element) => element.scrollTo(0, element.scrollHeight));
      await page.waitForTimeout(50);
    }
    await row('long 129.txt').waitFor();
    expect(await page.getByRole('row').count()).toBeLessThan(60);
    expect(faults).toEqual([]);
  });

  test('a key that may only read uploads nothing', async () => {
    const { createApiKey } = await service.client.ask<{ createApiKey: { secret: string } }>(
      'mutation { createApiKey(input: { name: "reader", permissions: ["attachments:read"] }) { secret } }',
    );
    await signIn('', createApiKey.secret);
    await page.getByText('No file').or(page.getByRole('row').first()).first().waitFor();
    expect(await page.getByRole('button', { name: 'Upload files' }).count()).toBe(0);
    expect(await new Client(service.url, createApiKey.secret).ask('{ viewer { permissions } }')).toEqual({
      viewer: { permissions: ['attachments:read'] },
    });
  });

  test('in German, in the dark and on a phone', async () => {
    await page.setViewportSize({ width: 360, height: 700 });
    await signIn('?q=picture');
    await row('picture.png').waitFor();
    await page.getByRole('button', { name: 'Dark' }).click();
    await page.getByRole('button', { name: 'Deutsch' }).click();
    await page.getByLabel('Nach Namen suchen').waitFor();
    expect(await accessibilityFaults()).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    await row('picture.png').click();
    await page.getByRole('complementary').getByText('Wird gelöscht').waitFor();
    expect(await accessibilityFaults()).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    await page.reload();
    await page.getByRole('button', { name: 'Abmelden' }).waitFor();
    expect(faults).toEqual([]);
  });

  test('the first load is small', async () => {
    const folder = join(import.meta.dirname, '../../../../dist/console');
    const html = await fs.readFile(join(folder, 'index.html'), 'utf8');
    const names = [...html.matchAll(/(?:src|href)="(?:\.\/)?console\/([^"]+)"/g)].map(([, name]) => name);
    expect(names.filter((name) => name?.startsWith('index-')).length).toBe(2);
    const sizes = await Promise.all(
      ['index.html', ...names].map(async (name) => (await fs.stat(join(folder, `${name}.br`))).size),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(250_000);
    const answer = await fetch(`${service.url}/`, { headers: { 'accept-encoding': 'br' } });
    expect(answer.headers.get('content-encoding')).toBe('br');
    expect(answer.headers.get('content-security-policy')).toContain("script-src 'self'");
  });
});
