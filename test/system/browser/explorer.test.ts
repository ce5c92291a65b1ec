import type { Browser, Page, WebSocket } from 'playwright-core';
import { describeWithBrowser, keepFaults, openBrowser } from '../../support/browser.js';
import { eventually } from '../../support/console-page.js';
import { startService, type TestService } from '../../support/service.js';

describeWithBrowser((chromium) => {
  let browser: Browser;
  let service: TestService;
  let page: Page;
  let faults: string[];
  let asked: string[];
  let sockets: WebSocket[];

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
    asked = [];
    sockets = [];
    page.on('response', (response) => {
      if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
    });
    page.on('websocket', (socket) => sockets.push(socket));
    await page.context().route(/./, async (route) => {
      asked.push(route.request().url());
      await route.continue();
    });
  });
  afterEach(() => page.close());

  /** Opens the explorer and types the key, if any. */
  async function open(key: string | null = service.key): Promise<void> {
    await page.goto(`${service.url}/explorer`);
    await page.locator('.graphiql-query-editor .view-lines').waitFor();
    await page.getByLabel('Key and files').click();
    if (key !== null) await page.getByLabel('API key or JSON Web Token').fill(key);
  }

  /** Puts an operation in the place of what is there. It has been read once the tab has its name. */
  async function type(operation: string): Promise<void> {
    await page.locator('.graphiql-query-editor .view-lines').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText(operation);
    const [, name = ''] = /^\w+ (\w+)/.exec(operation) ?? [];
    await page.locator('.graphiql-tab', { hasText: name }).waitFor();
  }

  const execute = () => page.getByLabel('Execute query').click();

  /** Resolves once the response shows these words. */
  const shows = (words: string) =>
    page.locator('.graphiql-response .view-lines', { hasText: words }).waitFor();

  test('answers a typed query, tells what is in the schema and remembers what was asked', async () => {
    await open();
    await type('query Who { viewer { principal { kind } } }');
    await execute();
    await shows('"kind": "SERVICE"');

    await page.getByLabel('Show Documentation Explorer').click();
    await page.getByRole('link', { name: 'Mutation', exact: true }).click();
    await page.getByRole('link', { name: 'createAttachment', exact: true }).waitFor();
    await page.getByLabel('Show History').click();
    await page.locator('.graphiql-history-item', { hasText: 'Who' }).waitFor();
    expect(faults).toEqual([]);
  });

  test('sends a chosen file with the operation that declares its variable', async () => {
    await open();
    await page.getByRole('button', { name: 'Add a file' }).click();
    const file = { name: 'größe.txt', mimeType: 'text/plain', buffer: Buffer.from('from the explorer') };
    await page.getByLabel('File', { exact: true }).setInputFiles(file);
    await page.getByLabel('Variable', { exact: true }).fill('input.content.upload');
    await type(
      'mutation Send($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { fileName size } } }',
    );
    await page.getByRole('button', { name: 'Variables' }).click();
    await page.locator('[data-uri$="variables.json"] .view-lines').click();
    await page.keyboard.type('{ "input": { "description": "by hand" } }');
    await execute();
    await shows('"fileName": "größe.txt"');
    const { data } = await service.client.graphql<{ attachments: { nodes: unknown[] } }>(
      '{ attachments { nodes { fileName size description { raw } } } }',
    );
    expect(data?.attachments.nodes).toEqual([
      { fileName: 'größe.txt', size: 17, description: { raw: 'by hand' } },
    ]);
    expect(faults).toEqual([]);
  });

  test('sends it with no other operation of the same document, which a key that may only read can run', async () => {
    const mutation = 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }';
    const input = { name: 'reader', permissions: ['attachments:read'] };
    const { createApiKey } = await service.client.ask<{ createApiKey: { secret: string } }>(mutation, {
      input,
    });
    await open(createApiKey.secret);
    await page.getByRole('button', { name: 'Add a file' }).click();
    const file = { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') };
    await page.getByLabel('File', { exact: true }).setInputFiles(file);
    await execute();
    await page.getByRole('menuitem', { name: 'Newest' }).click();
    await shows('"nodes"');
    expect(faults).toEqual([]);
  });

  test('shows the events of a subscription, by WebSocket and with the same key', async () => {
    await open();
    const record = { type: 'Explorer', id: '1' };
    await type(
      'subscription Watch { attachmentChanged(record: { type: "Explorer", id: "1" }) { fileName status } }',
    );
    await execute();
    const seen = shows('"fileName": "event.txt"');
    // A subscription begins after the acknowledgement, and nothing tells when.
    const uploads = setInterval(
      () => void service.client.upload({ name: 'event.txt', content: 'event' }, { record }),
      200,
    );
    await seen.finally(() => clearInterval(uploads));
    expect(sockets.map((socket) => socket.url())).toEqual([`${service.url.replace('http', 'ws')}/graphql`]);
    expect(faults).toEqual([]);
  });

  test('shows a refusal, and keeps the key out of URLs and of what outlives the tab', async () => {
    await open(null);
    await type('query Ask { viewer { organizationId } }');
    await execute();
    await shows('"code": "UNAUTHENTICATED"');
    await page.getByLabel('API key or JSON Web Token').fill(service.key);
    await execute();
    await shows('"organizationId"');
    await page.reload();
    await page.locator('.graphiql-query-editor .view-lines').waitFor();
    expect(await page.getByLabel('API key or JSON Web Token').inputValue()).toBe(service.key);
    expect(asked.filter((url) => url.includes(service.key))).toEqual([]);
    expect(await page.evaluate('JSON.stringify({ ...localStorage })')).not.toContain(service.key);
    const another = await browser.newPage();
    await another.goto(`${service.url}/explorer`);
    expect(await another.evaluate('sessionStorage.length')).toBe(0);
    await another.close();
  });

  test('keeps headers that were typed out of the history that outlives the tab', async () => {
    await open(null);
    await page.getByRole('button', { name: 'Headers', exact: true }).click();
    await page.locator('.graphiql-editor-tool .view-lines:visible').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText(JSON.stringify({ Authorization: `Bearer ${service.key}` }));
    await type('query Mine { viewer { organizationId } }');
    await execute();
    await shows('"organizationId"');
    const history = () => page.evaluate<string>("localStorage.getItem('graphiql:queries') ?? ''");
    await eventually(async () => (await history()).includes('query Mine'), true);
    expect(await page.evaluate('JSON.stringify({ ...localStorage })')).not.toContain(service.key);
    expect(faults).toEqual([]);
  });

  test('asks nobody else for a byte, and its policy holds', async () => {
    await page.addInitScript(`addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      window.violation = violatedDirective + ' ' + blockedURI;
    })`);
    const response = await page.goto(`${service.url}/explorer`, { waitUntil: 'networkidle' });
    const policy = response?.headers()['content-security-policy'] ?? '';
    const unsafe = policy.split('; ').filter((directive) => directive.includes('unsafe'));
    expect(unsafe).toEqual(["style-src 'self' 'unsafe-inline'"]);
    await type('query Begin { viewer { organi');
    await page.keyboard.press('Control+Space');
    await page.locator('.suggest-widget', { hasText: 'organizationId' }).waitFor();
    for (const worker of ['editor', 'graphql', 'json']) {
      expect(asked).toContainEqual(expect.stringMatching(`/explorer/${worker}-worker-\\w+\\.js$`));
    }
    expect(asked.filter((url) => !url.startsWith(`${service.url}/`) && !url.startsWith('data:'))).toEqual([]);
    expect(await page.evaluate('window.violation')).toBeUndefined();
    expect(faults).toEqual([]);

    await page.evaluate(`document.body.append(
      Object.assign(document.createElement('script'), { textContent: 'window.foreign = true' }))`);
    expect(await page.evaluate('window.foreign')).toBeUndefined();
    expect(await page.evaluate('window.violation')).toBe('script-src-elem inline');
    await page.evaluate("fetch('http://localhost:1/').catch(() => undefined)");
    expect(await page.evaluate('window.violation')).toMatch(/^connect-src http:\/\/localhost:1/);
  });
});
