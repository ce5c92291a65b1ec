import { rm } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { describeWithBrowser, openBrowser } from '../../support/browser.js';
import { freePort } from '../../support/free-port.js';
import { startService, type TestService } from '../../support/service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { servePage } from './page-server.js';

/** A page of one record at a time, in StrictMode. What `onDone` throws for record 2 is a fault of the page. */
const script = `
  import { createClaimcheck } from 'claimcheck/client';
  import { useAttachments, useUpload } from 'claimcheck/react';
  import { StrictMode, useState } from 'react';
  import { createRoot } from 'react-dom/client';

  const main = document.querySelector('main');
  const credential = async () => (await fetch('/token')).text();
  const url = main.dataset.claimcheck;
  const users = [credential, 'nobody'].map((each) => createClaimcheck({ url, credential: each, retries: 1 }));

  function Page() {
    const [id, setId] = useState('1');
    const [parallel, setParallel] = useState(1);
    const [claimcheck, setClaimcheck] = useState(users[0]);
    const place = { record: { type: 'WorkPackage', id }, field: 'files' };
    const onDone = ({ fileName }) => {
      if (id === '2') throw new Error('told of ' + fileName);
    };
    const { items, upload, retry } = useUpload(claimcheck, { ...place, parallel, onDone });
    const { attachments, error, refresh } = useAttachments(claimcheck, place);
    Object.assign(globalThis, { claimcheck, refresh, upload });
    return (
      <>
        <input type="file" multiple onChange={({ target }) => upload(target.files)} />
        <button type="button" onClick={() => setId('2')}>Other record</button>
        <button type="button" onClick={() => setClaimcheck(users[1])}>Other user</button>
        <button type="button" onClick={() => setParallel(2)}>More at once</button>
        <ul className="uploads">
          {items.map((item) => (
            <li key={item.id} data-state={item.state} onClick={() => retry(item.id)}>{item.file.name}</li>
          ))}
        </ul>
        <ul className="files">{attachments.map((one) => <li key={one.id}>{one.fileName}</li>)}</ul>
        <output>{error?.code}</output>
      </>
    );
  }
  function App() {
    const [isShown, setShown] = useState(true);
    return isShown && <><Page /><button type="button" onClick={() => setShown(false)}>Close</button></>;
  }
  createRoot(main).render(<StrictMode><App /></StrictMode>);
`;

/** A page that waits for a part of it, until it is let go. */
const suspending = `
  import { createClaimcheck } from 'claimcheck/client';
  import { useUpload } from 'claimcheck/react';
  import { StrictMode, Suspense, use, useState } from 'react';
  import { createRoot } from 'react-dom/client';

  const main = document.querySelector('main');
  const claimcheck = createClaimcheck({ url: main.dataset.claimcheck, credential: 'none' });
  const part = new Promise((resolve) => Object.assign(globalThis, { letGo: () => resolve('a part') }));
  const Part = () => <output>{use(part)}</output>;

  function Page() {
    const { items, upload } = useUpload(claimcheck);
    const [isWhole, setWhole] = useState(false);
    return (
      <>
        <input type="file" onChange={({ target }) => upload(target.files)} />
        <button type="button" onClick={() => setWhole(true)}>All of it</button>
        <ul className="uploads">
          {items.map(({ id, file, state }) => <li key={id} data-state={state}>{file.name}</li>)}
        </ul>
        {isWhole && <Part />}
      </>
    );
  }
  const page = <Suspense fallback={<p>Wait</p>}><Page /></Suspense>;
  createRoot(main).render(<StrictMode>{page}</StrictMode>);
`;

describeWithBrowser((chromium) => {
  let browser: Browser;
  let folder: string;
  let port: string;
  let service: TestService;
  let page: Page;
  let faults: string[];
  beforeAll(async () => {
    browser = await openBrowser(chromium);
    port = String(await freePort());
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    folder = await makeTemporaryDirectory();
    service = await startService({ DATA_DIR: folder, PORT: port });
    page = await browser.newPage();
    faults = [];
    page.on('pageerror', ({ message }) => faults.push(message));
  });
  afterEach(async () => {
    await page.close();
    await service.close();
    await rm(folder, { recursive: true });
  });

  const choose = (...names: string[]) =>
    page.setInputFiles(
      'input',
      names.map((name) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(name) })),
    );
  const upload = (name: string, state: string) =>
    page.locator(`.uploads li[data-state=${state}]`, { hasText: name });
  const listed = (name: string) => page.locator('.files li', { hasText: name });
  const store = (name: string) =>
    service.client.upload(
      { content: name, name },
      { record: { type: 'WorkPackage', id: '1' }, field: 'files' },
    );

  const countStreams = () => {
    const streams = { begun: 0, ended: 0 };
    const isStream = (url: string) => url.endsWith('/graphql/stream');
    page.on('request', (request) => {
      if (isStream(request.url()) && request.method() === 'POST') streams.begun += 1;
    });
    page.on('requestfailed', (request) => {
      if (isStream(request.url())) streams.ended += 1;
    });
    return streams;
  };

  test('a file goes where it was chosen for, and its end is told to the page as it is then', async () => {
    await using site = await servePage(service, { script });
    await page.goto(site.url);
    let isRefused = true;
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    await page.route(`${service.url}/graphql`, async (route) => {
      const text = route.request().postData() ?? '';
      if (text.includes('refused.txt') && isRefused) return route.fulfill({ status: 413, body: 'too large' });
      if (text.includes('held.txt')) await held;
      await route.continue();
    });
    await choose('refused.txt', 'held.txt', 'waits.txt');
    await upload('refused.txt', 'failed').waitFor();
    await page.getByRole('button', { name: 'Other record' }).click();
    await choose('second.txt');
    isRefused = false;
    goOn();
    await upload('second.txt', 'done').waitFor();
    await upload('refused.txt', 'failed').click();
    for (const name of ['refused.txt', 'held.txt', 'waits.txt']) await upload(name, 'done').waitFor();
    const query = '{ attachments(orderBy: { field: FILE_NAME }) { nodes { fileName record { recordId } } } }';
    const { attachments } = await service.client.ask<{
      attachments: { nodes: { fileName: string; record: { recordId: string } }[] };
    }>(query);
    expect(
      Object.fromEntries(attachments.nodes.map(({ fileName, record }) => [fileName, record.recordId])),
    ).toEqual({ 'held.txt': '1', 'refused.txt': '1', 'second.txt': '2', 'waits.txt': '1' });
    expect(faults.sort()).toEqual(
      ['held.txt', 'refused.txt', 'second.txt', 'waits.txt'].map((name) => `told of ${name}`),
    );
  });

  test('a file that waits goes once more may go at the same time', async () => {
    await using site = await servePage(service, { script });
    await page.goto(site.url);
    await page.route(`${service.url}/graphql`, (route) =>
      route.request().postData()?.includes('held.txt') ? undefined : route.continue(),
    );
    await choose('held.txt', 'waits.txt');
    await upload('waits.txt', 'waiting').waitFor();
    await page.getByRole('button', { name: 'More at once' }).click();
    await upload('waits.txt', 'done').waitFor();
    expect(await upload('held.txt', 'uploading').count()).toBe(1);
    expect(faults).toEqual([]);
  });

  test('a file goes on while its page waits in Suspense, in StrictMode too', async () => {
    await using site = await servePage(service, { script: suspending, mode: 'development' });
    await page.goto(site.url);
    await page.route(`${service.url}/graphql`, () => undefined);
    await choose('held.txt');
    await upload('held.txt', 'uploading').waitFor();
    await page.getByRole('button', { name: 'All of it' }).click();
    await page.getByText('Wait').waitFor();
    await page.evaluate('letGo()');
    await page.getByText('a part').waitFor();
    await expect(upload('held.txt', 'aborted').waitFor({ timeout: 500 })).rejects.toThrow('Timeout');
    expect(await upload('held.txt', 'uploading').count()).toBe(1);
    expect(faults).toEqual([]);
  });

  test('a file that is given to a component that has gone goes nowhere', async () => {
    await using site = await servePage(service, { script });
    await page.goto(site.url);
    await choose('before.txt');
    await listed('before.txt').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.evaluate("upload([new File(['late'], 'late.txt')])");
    // It would have come by then.
    for (const name of ['after-1.txt', 'after-2.txt'])
      await page.evaluate(`claimcheck.upload(new File(['after'], '${name}')).then(({ id }) => id)`);
    const query = '{ attachments(filter: { fileNameContains: "late" }) { nodes { fileName } } }';
    expect(await service.client.ask(query)).toEqual({ attachments: { nodes: [] } });
    expect(faults).toEqual([]);
  });

  test('a list is followed on after an outage that outlasts the retries', async () => {
    await using site = await servePage(service, { script });
    await page.goto(site.url);
    await store('before.txt');
    await listed('before.txt').waitFor();
    const { key } = service;
    await service.close();
    await page.locator('output', { hasText: 'UNREACHABLE' }).waitFor();
    service = await startService({ DATA_DIR: folder, PORT: port, BOOTSTRAP_API_KEY: key });
    await store('after.txt');
    await listed('after.txt').waitFor();
    await page.locator('output', { hasText: /^$/ }).waitFor({ state: 'attached' });
    await store('later.txt');
    await listed('later.txt').waitFor();
    expect(faults).toEqual([]);
  });

  test('a list is followed on after a page of a proxy', async () => {
    await using site = await servePage(service, { script });
    const headers = {
      'access-control-allow-origin': '*',
      'access-control-allow-headers': '*, authorization',
    };
    const answer = { status: 404, headers, contentType: 'text/html', body: '<html>' };
    await page.route('**/graphql{,/stream}', (route) => route.fulfill(answer));
    await page.goto(site.url);
    await page.locator('output', { hasText: 'UNEXPECTED_ANSWER' }).waitFor();
    await page.unrouteAll();
    await store('later.txt');
    await listed('later.txt').waitFor();
    expect(faults).toEqual([]);
  });

  test('a page that is hidden holds no connection, and is up to date once it is seen', async () => {
    await using site = await servePage(service, { script });
    const streams = countStreams();
    await page.goto(site.url);
    await store('before.txt');
    await listed('before.txt').waitFor();
    const show = (state: string) =>
      page.evaluate(`Object.defineProperty(document, 'visibilityState', { configurable: true, value: '${state}' });
        document.dispatchEvent(new Event('visibilitychange'))`);
    await show('hidden');
    while (streams.ended < streams.begun) await page.waitForTimeout(20);
    await store('meanwhile.txt');
    await show('visible');
    await listed('meanwhile.txt').waitFor();
    expect(streams.begun).toBe(streams.ended + 1);
    expect(faults).toEqual([]);
  });

  test('a user who may not see a list is not shown that of the one before', async () => {
    await using site = await servePage(service, { script });
    await page.goto(site.url);
    await store('before.txt');
    await listed('before.txt').waitFor();
    await page.getByRole('button', { name: 'Other user' }).click();
    await page.locator('output', { hasText: 'UNAUTHENTICATED' }).waitFor();
    expect(await listed('before.txt').count()).toBe(0);
    expect(faults).toEqual([]);
  });

  test('a list that has gone is not followed any more, whoever asks for it again', async () => {
    await using site = await servePage(service, { script });
    const streams = countStreams();
    await page.goto(site.url);
    await store('before.txt');
    await listed('before.txt').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    while (streams.ended < streams.begun) await page.waitForTimeout(20);
    const { begun } = streams;
    await page.evaluate('refresh()');
    // As many requests as it takes to follow a list.
    for (let count = 0; count < 3; count += 1)
      await page.evaluate("fetch('/token').then((answer) => answer.text())");
    expect(streams).toEqual({ begun, ended: begun });
    expect(faults).toEqual([]);
  });
});
