import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import {
  describeWithBrowser,
  type ForeignSite,
  openBrowser,
  startForeignSite,
} from '../../support/browser.js';
import { bundleTool, generators } from '../../support/client-tools.js';
import { startService, type TestService } from '../../support/service.js';
import { describeWithPackages } from '../../support/skip-without.js';
import { repositoryRoot } from '../../support/source-files.js';

const run = promisify(execFile);

const folder = join(repositoryRoot, 'test/system/clients/tools');
const build = join(folder, 'build');

const [invoice, person] = [['invoice.txt'], ['person.txt']];
/** The files of Folder 1, the newest first. */
const inFolder = [5, 4, 3, 2, 1].map((number) => `${number}.txt`);
const first = { fileName: 'invoice.txt', size: 7, record: '7' };

/** The result that docs/clients.md tells of a program, and its answer. */
interface Tried {
  result: string;
  answer: object;
}

/** Programs in a page of another origin. */
const inBrowser: Record<string, Tried> = {
  apollo: {
    result: 'uploads; two records keep their files apart without `typePolicies`',
    answer: { uploaded: 'apollo.txt', invoice, person },
  },
  urql: {
    result: 'uploads; two records keep their files apart without settings of the cache',
    answer: { uploaded: 'urql.txt', invoice, person },
  },
  relay: {
    result: 'uploads; pages through the files of a record',
    answer: { uploaded: 'relay.txt', folder: inFolder, shown: 5 },
  },
  tanstack: {
    result: 'uploads; pages through a list',
    answer: { uploaded: 'request.txt', folder: inFolder },
  },
  tada: { result: 'types the answer of a query', answer: first },
  genql: { result: 'builds a query of objects', answer: first },
  sse: { result: 'two subscriptions on one stream', answer: { names: ['live.txt', 'live.txt'] } },
  websocket: {
    result: 'goes on after a break of the connection',
    answer: { first: 'live.txt', second: 'live.txt', connections: 2 },
  },
  uppy: { result: 'uploads straight to `/graphql`', answer: { uploaded: 'uppy.txt' } },
  'uppy-tus': { result: 'uploads by tus', answer: { uploaded: 'uppy.txt', hasKey: true } },
  tus: {
    result: 'uploads in several requests at a time',
    answer: { fileName: 'tus.txt', size: 360_000 },
  },
  filepond: {
    result: 'uploads straight to `/graphql`, with a form of its own',
    answer: { uploaded: 'filepond.txt', id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
  },
};

/** Programs that wait for uploads to the record Live 1. */
const live = { sse: true, websocket: true };

const inNode: Record<string, Tried> = {
  resolvers: {
    result: "compiles resolvers beside TypeScript's own `Record`",
    answer: { record: { __typename: 'HostRecord', recordId: 'A-7' } },
  },
  stitching: {
    result: 'reads and uploads through another server',
    answer: {
      asked: {
        data: {
          invoice: { record: { recordId: '7', attachments: { nodes: [{ fileName: 'invoice.txt' }] } } },
        },
      },
      sent: { data: { createAttachment: { attachment: { fileName: 'stitched.txt' } } } },
    },
  },
};

const toRows = (tried: Record<string, Tried>) =>
  Object.entries(tried).map(([name, { result, answer }]) => [name, result, answer] as const);

describeWithPackages(folder, () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startService();
    for (const [name, type] of [
      ['invoice.txt', 'Invoice'],
      ['person.txt', 'Person'],
    ] as const) {
      await service.client.upload({ name, content: 'content' }, { record: { type, id: '7' } });
    }
    for (const name of inFolder.toReversed()) {
      await service.client.upload({ name, content: name }, { record: { type: 'Folder', id: '1' } });
    }
    await rm(build, { recursive: true, force: true });
    await mkdir(join(build, 'relay'), { recursive: true });
    const env = { ...process.env, CLAIMCHECK_URL: `${service.url}/graphql` };
    for (const [program, ...options] of generators) {
      await run(join(folder, 'node_modules/.bin', program), options, { cwd: folder, env });
    }
  }, 240_000);
  afterAll(() => service.close());

  test('all of them compile in the strict mode of TypeScript', async () => {
    const { stdout } = await run(join(folder, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: folder }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
  }, 240_000);

  test('graphql-codegen: the same types of the file as of introspection', async () => {
    const [fromFile, introspected] = await Promise.all(
      ['client', 'introspected'].map((name) => readFile(join(build, name, 'graphql.ts'), 'utf8')),
    );
    expect(introspected).toBe(fromFile);
    expect(fromFile).toContain('base64: string; dataUrl?: never;');
  });

  test.each(toRows(inNode))('%s, in Node.js: %s', async (name, _result, expected) => {
    const file = join(build, `${name}.mjs`);
    await writeFile(file, await bundleTool(folder, name, 'node'));
    const given = JSON.stringify({ url: `${service.url}/graphql`, key: service.key });
    const script = `import { run } from ${JSON.stringify(file)}; console.log(JSON.stringify(await run(${given})));`;
    const options = ['--input-type=module', '--eval', script];
    const { stdout } = await run(process.execPath, options, { cwd: folder });
    expect(JSON.parse(stdout)).toEqual(expected);
  });

  describeWithBrowser((chromium) => {
    let browser: Browser;
    let site: ForeignSite;
    beforeAll(async () => {
      browser = await openBrowser(chromium);
      site = await startForeignSite();
    });
    afterAll(async () => {
      await browser.close();
      await site.close();
    });

    test.each(toRows(inBrowser))('%s, in a page of another origin: %s', async (name, _result, expected) => {
      const page = await browser.newPage();
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(error.message));
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) faults.push(message.text());
      });
      await page.goto(site.addPage('<!doctype html><link rel="icon" href="data:,"><body></body>'));
      await page.addScriptTag({ content: await bundleTool(folder, name, 'browser') });
      const given = JSON.stringify({ url: `${service.url}/graphql`, key: service.key });
      const record = { type: 'Live', id: '1' };
      const events = setInterval(() => {
        if (name in live) void service.client.upload({ name: 'live.txt', content: 'x' }, { record });
      }, 200);
      const answer = await page.evaluate(`tool.run(${given})`).finally(() => clearInterval(events));
      await page.close();
      expect(answer).toEqual(expected);
      expect(faults).toEqual([]);
    });

    test('altair: asks from a page of another server', async () => {
      const file = join(build, 'altair.mjs');
      await writeFile(file, await bundleTool(folder, 'altair', 'node'));
      const { run: serve } = (await import(file)) as { run(service: object): Promise<Server> };
      const server = await serve({ url: `${service.url}/graphql`, key: service.key });
      const page = await browser.newPage();
      await page.goto(`http://localhost:${(server.address() as AddressInfo).port}`);
      await page.getByRole('button', { name: 'Send Request' }).click();
      await page.locator('app-query-result', { hasText: '"kind": "SERVICE"' }).waitFor();
      await page.close();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    });
  });
});
