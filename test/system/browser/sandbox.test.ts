import type { Browser, Page } from 'playwright-core';
import { describeWithBrowser, keepFaults, openBrowser } from '../../support/browser.js';
import { startService, type TestService } from '../../support/service.js';

const sandboxScript = 'https://embeddable-sandbox.cdn.apollographql.com/';

/** Stands in for the script of the network, and keeps what the page asks of it. */
const standIn =
  'window.EmbeddedSandbox = class { constructor(options) { window.sandboxOptions = options; } };';

describeWithBrowser((chromium) => {
  let browser: Browser;
  let service: TestService;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    browser = await openBrowser(chromium);
    service = await startService();
  });
  afterAll(async () => {
    await browser.close();
    await service.close();
  });

  beforeEach(async () => {
    page = await browser.newPage();
    faults = keepFaults(page);
    page.on('response', (response) => {
      if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
    });
  });
  afterEach(() => page.close());

  test('GET /graphql shows the Sandbox, pointed at this service, and its policy lets no other script run', async () => {
    const asked: string[] = [];
    await page.route(/^https:/, async (route) => {
      asked.push(route.request().url());
      if (asked.at(-1)?.startsWith(sandboxScript)) {
        await route.fulfill({ contentType: 'text/javascript', body: standIn });
      } else await route.fulfill({ body: '' });
    });
    const response = await page.goto(`${service.url}/graphql`, { waitUntil: 'networkidle' });
    expect(response?.status()).toBe(200);
    expect(response?.headers()).toMatchObject({
      'content-type': expect.stringMatching(/^text\/html/),
      'x-content-type-options': 'nosniff',
    });
    expect(await page.evaluate('window.sandboxOptions')).toMatchObject({
      target: '#embeddableSandbox',
      initialEndpoint: `${service.url}/graphql`,
    });
    expect(asked.some((url) => url.startsWith(sandboxScript))).toBe(true);
    expect(faults).toEqual([]);

    await page.evaluate(`document.body.append(
      Object.assign(document.createElement('script'), { textContent: 'window.foreign = true' }))`);
    expect(await page.evaluate('window.foreign')).toBeUndefined();
    expect(faults).toEqual([expect.stringContaining('Content Security Policy')]);
  });

  test('a page of its origin, as the Sandbox is, queries and uploads', async () => {
    await page.route(/^https:/, (route) => route.abort());
    await page.goto(`${service.url}/graphql`);
    const answers = await page.evaluate(async (key) => {
      const authorization = `Bearer ${key}`;
      const query = await fetch('/graphql', {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: '{"query":"{ viewer { principal { kind } } }"}',
      });
      const form = new FormData();
      form.set(
        'operations',
        JSON.stringify({
          query:
            'mutation ($f: Upload!) { createAttachment(input: { content: { upload: $f } }) { attachment { size } } }',
          variables: { f: null },
        }),
      );
      form.set('map', '{"0":["variables.f"]}');
      form.set('0', new Blob(['hello']), 'hello.txt');
      const headers = { authorization, 'apollo-require-preflight': 'true' };
      const upload = await fetch('/graphql', { method: 'POST', headers, body: form });
      return [await query.json(), await upload.json()] as unknown[];
    }, service.key);
    expect(answers).toEqual([
      { data: { viewer: { principal: { kind: 'SERVICE' } } } },
      { data: { createAttachment: { attachment: { size: 5 } } } },
    ]);
  });

  test('without the network it says so and leads to the explorer, and nothing but that script is missing', async () => {
    const refused: string[] = [];
    await page.route(/^https:/, async (route) => {
      refused.push(new URL(route.request().url()).host);
      await route.abort();
    });
    await page.goto(`${service.url}/graphql`, { waitUntil: 'networkidle' });
    expect(await page.innerText('.fallback')).toContain('you might be offline');
    expect(refused).toContain(new URL(sandboxScript).host);
    const expected = /ERR_FAILED|EmbeddedSandbox is not a constructor/;
    expect(faults.filter((fault) => !expected.test(fault))).toEqual([]);
    await page.getByRole('link', { name: 'explorer' }).click();
    await page.locator('.graphiql-query-editor .view-lines').waitFor();
    expect(page.url()).toBe(`${service.url}/explorer`);
  });
});
