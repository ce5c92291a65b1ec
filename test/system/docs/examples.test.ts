import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { eventually } from '../../service/live/live-client.js';
import { describeWithBrowser, openBrowser } from '../../support/browser.js';
import type { AttachmentData } from '../../support/client.js';
import { blocksOf, readPage, sectionOf } from '../../support/doc-page.js';
import { startService, type TestService } from '../../support/service.js';
import { repositoryRoot } from '../../support/source-files.js';
import { spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { webhookSecret } from '../../support/webhook-receiver.js';

const folder = join(repositoryRoot, 'examples');
const content = 'Hello, Claimcheck.\n';

interface Running {
  url: string;
  /** The next line that it prints. */
  nextLine(): Promise<string>;
  end(): Promise<void>;
}

describe('examples', () => {
  let service: TestService;
  const running: Running[] = [];
  beforeAll(async () => {
    service = await startService({ WEBHOOK_ALLOW_PRIVATE: 'true', WEBHOOK_SECRET: webhookSecret });
  });
  afterAll(async () => {
    for (const one of running) await one.end();
    await service.close();
  });

  const environment = () => ({
    PATH: process.env['PATH'],
    PORT: '0',
    CLAIMCHECK_URL: service.url,
    CLAIMCHECK_KEY: service.key,
    WEBHOOK_SECRET: webhookSecret,
  });
  const launch = (arguments_: string[]): ChildProcess =>
    spawn(process.execPath, arguments_, {
      cwd: repositoryRoot,
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const start = async (...arguments_: string[]): Promise<Running> => {
    const started = await listen(launch(arguments_));
    running.push(started);
    return started;
  };
  const runToEnd = async (...arguments_: string[]): Promise<string> => {
    const child = launch(arguments_);
    const [printed] = await Promise.all([child.stdout ? text(child.stdout) : '', once(child, 'exit')]);
    return printed;
  };
  const find = async (id: string) => {
    const query = `query ($id: ID!) {
      attachment(id: $id) { fileName contentType size url record { type id: recordId } metadata { type attributes } }
    }`;
    return (await service.client.ask<{ attachment: AttachmentData }>(query, { id })).attachment;
  };
  const contentOf = async (id: string) => (await service.client.download((await find(id)).url)).text();

  test('README.md and the pages in docs show them as they are', () => {
    const readme = readPage('README.md');
    const forwarding = sectionOf(readPage('docs/clients.md'), 'Through your server');
    const shown = [
      ...blocksOf(readme, 'js'),
      ...blocksOf(readme, 'html'),
      ...blocksOf(readPage('docs/federation.md'), 'js'),
      ...['js', 'jsx'].flatMap((language) => blocksOf(readPage('docs/client.md'), language)),
      ...[...forwarding.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code),
    ];
    expect(Buffer.byteLength(readme.text)).toBeLessThanOrEqual(12 * 1024);
    shown.push(...blocksOf(readPage('docs/operators.md'), 'js'));
    const files = readdirSync(folder).filter((name) => name !== 'adapter.mjs');
    const texts = files.map((name) => readFileSync(join(folder, name), 'utf8'));
    expect(shown.toSorted()).toEqual(texts.toSorted());
  });

  describeWithBrowser((executablePath) => {
    test('a browser uploads by way of the backend, which claims the file', async () => {
      const backend = await start('examples/backend.mjs');
      await using browser = await openBrowser(executablePath);
      const page = await browser.newPage();
      await page.goto(backend.url);
      expect(await page.content()).not.toContain(service.key);
      await page.setInputFiles('input', {
        name: 'hello.txt',
        mimeType: 'text/plain',
        buffer: Buffer.from(content),
      });
      await page.waitForFunction("document.querySelector('output').value !== ''");
      const id = await page.locator('output').innerText();
      expect(await find(id)).toMatchObject({
        fileName: 'hello.txt',
        record: { type: 'WorkPackage', id: '1' },
      });
      expect(await contentOf(id)).toBe(content);

      // Systems call every .doc a document of Word, although many are RTF.
      const letter = {
        name: 'letter.doc',
        mimeType: 'application/msword',
        buffer: Buffer.from('{\\rtf1 a}'),
      };
      await page.setInputFiles('input', letter);
      await page.waitForFunction(`document.querySelector('output').value !== '${id}'`);
      const kept = await page.locator('output').innerText();
      expect(await find(kept)).toMatchObject({ fileName: 'letter.doc', contentType: 'application/rtf' });

      await page.setInputFiles('input', { ...letter, name: 'con.txt' });
      await page.waitForFunction(`document.querySelector('output').value !== '${kept}'`);
      expect(await page.locator('output').innerText()).toContain('reserved by an operating system');
    });
  });

  test('the backend tells the page why an upload is refused', async () => {
    const backend = await start('examples/backend.mjs');
    const body = JSON.stringify({ fileName: 'con.txt', size: 1 });
    const refused = await fetch(`${backend.url}/targets`, { method: 'POST', body });
    expect([refused.status, await refused.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'INVALID_FILE_NAME' }),
    ]);
    expect((await fetch(`${backend.url}/others`, { method: 'POST', body })).status).toBe(404);
  });

  test('files are forwarded, linked and listed', async () => {
    const forward = await start('examples/forward.mjs');
    const send = async (name: string, body: string | Uint8Array<ArrayBuffer>) =>
      (await (await fetch(`${forward.url}/${name}`, { method: 'PUT', body })).json()) as AttachmentData;
    const large = new Uint8Array(3_000_000).fill(7);
    const [first, second] = [await send('M%C3%A4rz%20%221%22.txt', content), await send('b.bin', large)];
    expect([first, second]).toMatchObject([{ fileName: 'März "1".txt', size: 19 }, { size: large.length }]);
    expect(await contentOf(first.id)).toBe(content);
    expect(await send('con.txt', content)).toMatchObject({ code: 'INVALID_FILE_NAME' });

    expect(await runToEnd('examples/link.mjs', first.id, second.id)).toBe('0 März "1".txt\n1 b.bin\n');
    const lines = (await runToEnd('examples/list.mjs')).trim().split('\n');
    const url = lines
      .map((line) => /^März "1"\.txt 19 (http\S+)$/.exec(line)?.[1])
      .find((one) => one !== undefined);
    expect(await (await fetch(url ?? '')).text()).toBe(content);
  });

  test('the client uploads a file into a field, and prints a refusal', async () => {
    const folder = await makeTemporaryDirectory();
    const [good, bad] = [join(folder, 'good.txt'), join(folder, 'con.txt')];
    for (const path of [good, bad]) await writeFile(path, content);
    const lines = (await runToEnd('examples/client.mjs', good)).trim().split('\n');
    const [, id = ''] = /^(\S+) 19 [0-9a-f]{64}$/.exec(lines.at(-1) ?? '') ?? [];
    expect(lines.slice(0, -1)).toEqual(['0 of 19 bytes', '19 of 19 bytes']);
    expect(await find(id)).toMatchObject({ fileName: 'good.txt', record: { type: 'WorkPackage', id: '1' } });
    expect(await runToEnd('examples/client.mjs', bad)).toMatch(
      /INVALID_FILE_NAME input\.fileName: .* reserved/,
    );
    await rm(folder, { recursive: true });
  });

  test.each([
    ['examples/receiver.mjs', () => readFileSync(join(folder, 'receiver.mjs'), 'utf8')],
    ['docs/webhooks.md', () => blocksOf(readPage('docs/webhooks.md'), 'js')[0] ?? ''],
  ])('the receiver of %s verifies what it is sent', async (_where, code) => {
    const receiver = await start('--input-type=module', '--eval', code());
    const webhooks = [{ uri: receiver.url, interactions: ['ATTACHMENT_APPROVED'] }];
    const line = receiver.nextLine();
    const { id } = await service.client.upload({ content, name: 'a.txt' }, { webhooks });
    expect(await line).toBe(`attachment_approved ${id} APPROVED`);
    const forged = { 'webhook-id': 'x', 'webhook-timestamp': `${Math.floor(Date.now() / 1_000)}` };
    for (const signature of ['', 'v1,AAAA', `v1,${'A'.repeat(43)}=`]) {
      const headers = { ...forged, 'webhook-signature': signature };
      const answer = await fetch(receiver.url, { method: 'POST', headers, body: '{}' });
      expect([signature, answer.status]).toEqual([signature, 401]);
    }
  });

  test('the service exports its spans to a collector', async () => {
    const received: string[] = [];
    const collector = createServer(async (request, response) => {
      received.push(`${request.url} ${await text(request)}`);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const dataDirectory = await makeTemporaryDirectory();
    const traced = await spawnService({
      DATA_DIR: dataDirectory,
      NODE_OPTIONS: `--import ${join(folder, 'tracing.mjs')}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      SCANNER: 'eicar',
    });
    await traced.client.upload({ content, name: 'hello.txt' });
    const names = ['"service.name"', '"POST /graphql"', '"mutation"', '"intake"', '"transaction"', '"scan"'];
    await eventually(
      () => names.every((name) => received.join().includes(name)),
      20_000,
      () => received.join(),
    );
    expect(received.filter((one) => !one.startsWith('/v1/traces '))).toEqual([]);
    for (const secret of ['hello.txt', traced.client.key ?? ''])
      expect(received.join()).not.toContain(secret);
    expect(await traced.end('SIGTERM')).toBe(0);
    collector.close();
    collector.closeAllConnections();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  test.each(['graphql-ws', 'graphql-sse'])('docs/clients.md subscribes by %s', async (name) => {
    const scripts = blocksOf(readPage('docs/clients.md'), 'js');
    const live = scripts.find((script) => script.includes(`from '${name}'`)) ?? '';
    const common = (scripts[0] ?? '').replaceAll('http://127.0.0.1:4000', service.url);
    const before = `import { WebSocket } from 'ws'; globalThis.WebSocket ??= WebSocket; const key = '${service.key}';`;
    const child = launch(['--input-type=module', '--eval', [before, common, live].join('\n')]);
    const told = child.stdout && once(createInterface(child.stdout), 'line');
    // A change before it has subscribed is not told, so changes come until one is.
    let isTold = false;
    void told?.then(() => {
      isTold = true;
    });
    const ids: string[] = [];
    while (!isTold) {
      const record = { type: 'WorkPackage', id: '1' };
      ids.push((await service.client.upload({ content, name: 'a.txt' }, { record })).id);
    }
    expect(ids).toContain(((await told) as [string])[0]);
    child.kill();
    await once(child, 'exit');
  });
});

/** A program that prints its address first. */
async function listen(child: ChildProcess): Promise<Running> {
  if (!child.stdout) throw new Error('It has no output.');
  const lines = createInterface(child.stdout);
  const nextLine = async () => ((await once(lines, 'line')) as [string])[0];
  return {
    url: await nextLine(),
    nextLine,
    end: async () => {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}
