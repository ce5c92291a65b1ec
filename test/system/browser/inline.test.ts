import type { Browser, Page } from 'playwright-core';
import {
  describeWithBrowser,
  type ForeignSite,
  openBrowser,
  startForeignSite,
} from '../../support/browser.js';
import { startService, type TestService } from '../../support/service.js';

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==',
  'base64',
);

describeWithBrowser((chromium) => {
  let browser: Browser;
  let site: ForeignSite;
  let service: TestService;
  let page: Page;

  beforeAll(async () => {
    browser = await openBrowser(chromium);
    site = await startForeignSite();
    service = await startService();
  });
  afterAll(async () => {
    await browser.close();
    await site.close();
    await service.close();
  });

  beforeEach(async () => {
    page = await browser.newPage();
    site.visits.length = 0;
  });
  afterEach(() => page.close());

  const raiseFlag = () => `document.title = 'ran'; fetch('${site.origin}/flag')`;
  const pageWithScript = () => `<!doctype html><title>page</title><script>${raiseFlag()}</script>
    <img src="x:" onerror="${raiseFlag().replaceAll('"', '&quot;')}"><h1>Hello</h1>`;
  const drawingWithScript =
    () => `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="fetch('${site.origin}/flag')">
    <script>fetch('${site.origin}/flag')</script><rect width="9" height="9"/></svg>`;

  test('such a page does raise the flag elsewhere', async () => {
    await page.goto(site.addPage(pageWithScript()));
    await page.waitForFunction('document.title === "ran"');
    await page.waitForLoadState('networkidle');
    expect(site.visits).toContain('/flag');
  });

  test.each([
    ['a page', 'page.html', pageWithScript],
    ['a page without an extension', 'page', pageWithScript],
    ['a drawing', 'drawing.svg', drawingWithScript],
    ['an XML page', 'page.xhtml', () => xhtml(raiseFlag())],
  ])('%s opened by its signed inline URL is downloaded, and runs nothing', async (_what, name, content) => {
    const opened = await open(await uploadForDisplay(name, content()));
    expect(opened).toBe(`downloaded ${name}`);
    await expectNothingRan();
  });

  test.each([
    ['a page', 'page.html', pageWithScript],
    ['a drawing', 'drawing.svg', drawingWithScript],
  ])('%s in a frame or as an object of somebody else runs nothing', async (_what, name, content) => {
    const url = (await uploadForDisplay(name, content())).replaceAll('&', '&amp;');
    await page.goto(
      site.addPage(`<!doctype html><title>page</title><iframe src="${url}"></iframe><object data="${url}"></object>
        <embed src="${url}">`),
      { waitUntil: 'domcontentloaded' },
    );
    await page.waitForTimeout(500);
    await expectNothingRan();
    expect(
      page
        .frames()
        .map((frame) => frame.url())
        .filter((address) => address.startsWith(service.url)),
    ).toEqual([]);
  });

  test('a picture is shown, in place and in the page of somebody else', async () => {
    const url = await uploadForDisplay('dot.png', png);
    expect(await open(url)).toBe('shown');
    expect(await page.evaluate('document.images[0].naturalWidth')).toBe(1);
    await page.goto(site.addPage(`<!doctype html><img src="${url.replaceAll('&', '&amp;')}">`));
    expect(await page.evaluate('document.images[0].naturalWidth')).toBe(1);
  });

  test('markup in a text file is shown as text', async () => {
    expect(await open(await uploadForDisplay('notes.txt', `${pageWithScript()} — naïve`))).toBe('shown');
    expect(await page.evaluate('document.contentType')).toBe('text/plain');
    expect(await page.evaluate('document.body.innerText')).toMatch(/<script>document.title.+— naïve/s);
    await expectNothingRan();
  });

  async function uploadForDisplay(name: string, content: string | Buffer<ArrayBuffer>): Promise<string> {
    const { id } = await service.client.upload({ name, content });
    const { attachment } = await service.client.ask<{ attachment: { downloadUrl: string } }>(
      'query ($id: ID!) { attachment(id: $id) { downloadUrl(disposition: INLINE) } }',
      { id },
    );
    return attachment.downloadUrl;
  }

  /** Opens an address in a tab; the browser shows what is there, or makes a download of it. */
  function open(url: string): Promise<string> {
    const downloaded = new Promise<string>((resolve) => {
      page.once('download', (download) => resolve(`downloaded ${download.suggestedFilename()}`));
    });
    const shown = page.goto(url, { waitUntil: 'networkidle' }).then(() => 'shown');
    return Promise.race([downloaded, shown.catch(() => downloaded)]);
  }

  async function expectNothingRan(): Promise<void> {
    await page.waitForTimeout(200);
    expect(await page.title()).not.toBe('ran');
    expect(site.visits).not.toContain('/flag');
  }
});

function xhtml(script: string): string {
  return `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title>
    <script>${script}</script></head><body/></html>`;
}
