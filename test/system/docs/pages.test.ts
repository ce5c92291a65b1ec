import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { openLive } from '../../service/live/live-client.js';
import { eicar } from '../../service/verdicts/gated-scanner.js';
import { blocksOf, type DocPage, readPage, tableOf, unquote } from '../../support/doc-page.js';
import { startService, type TestService } from '../../support/service.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { repositoryRoot } from '../../support/source-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { type ReceivedWebhook, WebhookReceiver, webhookSecret } from '../../support/webhook-receiver.js';

const run = promisify(execFile);

const readme = readPage('README.md');
const errors = readPage('docs/errors.md');
const exampleOrigin = 'http://127.0.0.1:4000';
const exampleContent = 'Hello, Claimcheck.\n';
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

const operationsOfPages = {
  'docs/api.md':
    'Create Target Accepted Claim Link Link Link Field Comments List Fetch Archive Pictures Hold Changed Change Move Delete Restore Trash Replace Versions Share Shared Proof Erase Damaged',
  'docs/credentials.md': 'CreateKey Log',
  'docs/webhooks.md': 'CreateAndTell CreateEndpoint Deliveries AllDeliveries',
};

describe('the pages show what the service does', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService({ TRASH_DAYS: '30' });
  });
  afterAll(() => service.close());

  test.each(Object.entries(operationsOfPages))(
    'the operations of %s, one after the other',
    async (path, names) => {
      const first = (await service.client.upload({ content: exampleContent })).id;
      const ids = new Map<string, string>();
      const done: string[] = [];
      for (const { query, variables } of operationsInOrder(readPage(path))) {
        if (query.startsWith('mutation Redeliver')) continue;
        const text = await withUploads(service, ids, variables ?? JSON.stringify({ id: first }));
        const { errors } = await send(service, query, JSON.parse(text) as Record<string, unknown>);
        expect({ query, text, errors }).toEqual({ query, text, errors: undefined });
        done.push(/\w+ (\w+)/.exec(query)?.[1] ?? '');
      }
      expect(done).toEqual(names.split(' '));
    },
  );

  describeWithProgram('curl', 'apt-get install curl', () => {
    test('its first upload, and how it is refused', async () => {
      await using strict = await startService({ MAX_FILE_SIZE: '10' });
      expect(masked(await pasteUpload(service))).toEqual(masked(exampleAnswer(readme, 'data')));
      expect(masked(await pasteUpload(strict))).toEqual(masked(exampleAnswer(errors, 'errors')));
    });
  });

  const [common = '', ...scripts] = blocksOf(readPage('docs/clients.md'), 'js');
  test.each(['@apollo/client', '@urql/core', 'fetch'])('its client with %s', async (name) => {
    const script = scripts.find((text) => text.includes(`from '${name}'`) || text.includes(`${name}(`));
    const given = `const key = ${JSON.stringify(service.key)};
      const file = new File([${JSON.stringify(exampleContent)}], 'hello.txt');`;
    const code = [given, common.replaceAll(exampleOrigin, service.url), script].join('\n');
    const options = ['--input-type=module', '--eval', code];
    const { stdout } = await run(process.execPath, options, { cwd: repositoryRoot });
    expect(await (await service.client.download(stdout.trim())).text()).toBe(exampleContent);
  });
});

test('docs/webhooks.md shows the body and the headers of what is sent', async () => {
  const page = readPage('docs/webhooks.md');
  const [shown = ''] = blocksOf(page, 'json');
  const receiver = new WebhookReceiver();
  const uri = await receiver.open();
  const env = { SCANNER: 'eicar', WEBHOOK_ALLOW_PRIVATE: 'true', WEBHOOK_SECRET: webhookSecret };
  await using service = await startService(env);
  const webhooks = [{ uri, interactions: ['ATTACHMENT_REJECTED'] }];
  const file = { content: eicar, name: 'invoice.txt' };
  const { id, organizationId } = await service.client.upload(file, { webhooks });
  const [sent] = await receiver.got(1);
  receiver.close();
  const { data, ...rest } = JSON.parse(shown) as ReceivedWebhook['body'];
  const attachment = { ...data.attachment, id, organizationId };
  const timestamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  expect(sent?.body).toEqual({ ...rest, timestamp, data: { ...data, attachment } });
  const named = tableOf(page, 'header').map(([header]) => unquote(header));
  expect(named.filter((header) => !sent?.headers.includes(header))).toEqual([]);
});

/** Every operation with each line of variables that stands right below it; null where none does. */
function operationsInOrder({ blocks }: DocPage): { query: string; variables: string | null }[] {
  return blocks.flatMap(({ language, text: query }, index) => {
    if (language !== 'graphql') return [];
    const next = blocks[index + 1];
    const lines = next?.language === 'jsonl' ? next.text.trim().split('\n') : [null];
    return lines.map((variables) => ({ query, variables }));
  });
}

/** `text` with an upload's id in the place of each example's; `ids` remembers which stands for which. */
async function withUploads(service: TestService, ids: Map<string, string>, text: string): Promise<string> {
  for (const [example] of text.matchAll(uuid)) {
    if (!ids.has(example)) ids.set(example, (await service.client.upload({ content: exampleContent })).id);
  }
  return text.replace(uuid, (example) => ids.get(example) ?? example);
}

/** Sends an operation in the way that it needs. */
async function send(service: TestService, query: string, variables: Record<string, unknown>) {
  if (query.startsWith('subscription')) return subscribeOnce(service, query, variables);
  if (!query.includes('$file')) return service.client.graphql(query, variables);
  const body = { query, variables: { file: null } };
  return service.client.multipart(body, [{ content: exampleContent }], { 0: ['variables.file'] });
}

/** Whether a subscription is accepted. */
async function subscribeOnce({ url, key }: TestService, query: string, variables: Record<string, unknown>) {
  const live = await openLive(url, key);
  const { errors } = live.subscribe({ query, variables });
  await live.settled();
  live.close();
  return { errors: errors.length > 0 ? errors : undefined };
}

/** The JSON block with this member. */
function exampleAnswer(page: DocPage, member: 'data' | 'errors'): string {
  return blocksOf(page, 'json').find((text) => member in (JSON.parse(text) as object)) ?? '';
}

/** Pastes the example of an upload into a shell, with the service's own key and address; returns what it prints. */
async function pasteUpload({ key, url }: TestService): Promise<string> {
  const script = blocksOf(readme, 'sh').find((text) => text.includes('curl ')) ?? '';
  const filled = script.replace(/^KEY=.*$/m, `KEY=${key}`).replaceAll(exampleOrigin, url);
  const directory = await makeTemporaryDirectory();
  const { stdout } = await run('bash', ['-c', filled], { cwd: directory });
  await rm(directory, { recursive: true });
  return stdout;
}

/** An answer without what differs from one service, file and moment to the next. */
function masked(answer: string): unknown {
  const text = answer.replace(uuid, '<id>').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<instant>');
  return JSON.parse(text.replace(/http:\/\/127\.0\.0\.1:\d+/g, '<origin>'));
}
