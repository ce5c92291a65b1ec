import type { Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { claim } from '../doors/links.js';
import { share } from '../sharing/share-operations.js';

/*
 * Every read finds an attachment that is there all the time, while it goes from one place to another: from its creator's own to
 * those of the organization, into the trash and back, from one content to the next.
 */

let service: TestService;
let client: Client;
beforeAll(async () => {
  service = await startService({ TRASH_DAYS: '1', MAX_VERSIONS: '1' });
  client = service.client;
});
afterAll(() => service.close());

const change = (name: string, input: object) =>
  client.ask(
    `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { __typename } }`,
    { input },
  );

async function uploads(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1)
    ids.push((await client.upload({ content: `${index}:0`, name: `n${index}.txt` })).id);
  return ids;
}

/** Reads by several clients at once, again and again, until `work` is done. Resolves with the number of reads. */
async function readMeanwhile(
  work: Promise<unknown>,
  reads: readonly (() => Promise<void>)[],
): Promise<number> {
  let isOver = false;
  let count = 0;
  const over = work.finally(() => {
    isOver = true;
  });
  const again = async (read: () => Promise<void>) => {
    while (!isOver) {
      await read();
      count += 1;
    }
  };
  await Promise.all([over, ...reads.map(again)]);
  return count;
}

interface Listed {
  attachments: { totalCount: number; totalCountIsExact: boolean; nodes: { id: string }[] };
}

test.each([
  ['status', { status: ['APPROVED'] }],
  ['contentType', { contentType: ['text/plain'] }],
])('a list by %s misses nothing that is claimed meanwhile', async (_name, filter) => {
  const ids = await uploads(100);
  const query = `query ($filter: AttachmentFilter) {
    attachments(first: 500, filter: $filter) { totalCount totalCountIsExact nodes { id } } }`;
  const lists: Listed['attachments'][] = [];
  const read = async () => {
    lists.push((await client.ask<Listed>(query, { filter })).attachments);
  };
  const { totalCount: all } = (await client.ask<Listed>(query, { filter })).attachments;
  const claims = async () => {
    for (const id of ids) await claim(client, id, { type: 'Task', id: '1' });
  };
  const count = await readMeanwhile(claims(), [read, read, read]);
  const missing = lists.filter(({ nodes }) => new Set(nodes.map(({ id }) => id)).size !== all);
  const twice = lists.filter(({ nodes }) => nodes.length > all);
  const counted = lists.filter(
    ({ totalCount, totalCountIsExact }) => totalCountIsExact && totalCount !== all,
  );
  report(`${count} lists by ${Object.keys(filter)} while ${ids.length} were claimed`);
  expect([missing.length, twice.length, counted.length]).toEqual([0, 0, 0]);
});

test('an attachment that is restored is found at every moment', async () => {
  const [id = '', other = ''] = await uploads(2);
  const moves = async () => {
    for (let round = 0; round < 80; round += 1) {
      await change('deleteAttachment', { attachmentId: id });
      await change('restoreAttachment', { attachmentId: id });
    }
  };
  const misses: string[] = [];
  const reads: [string, (data: Record<string, unknown>) => boolean][] = [
    [`{ attachment(id: "${id}") { id } }`, ({ attachment }) => attachment !== null],
    [`{ node(id: "${id}") { id } }`, ({ node }) => node !== null],
    [`{ nodes(ids: ["${id}", "${other}"]) { id } }`, ({ nodes }) => !(nodes as unknown[]).includes(null)],
  ];
  const count = await readMeanwhile(
    moves(),
    reads.flatMap(([query, isWhole]) => {
      const read = async () => {
        if (!isWhole(await client.ask<Record<string, unknown>>(query))) misses.push(query);
      };
      return [read, read];
    }),
  );
  report(`${count} reads while one was deleted and restored 80 times`);
  expect(misses).toEqual([]);
});

test('a file is sent at every moment while its content is replaced', async () => {
  const [id = ''] = await uploads(1);
  const { url } = await share(client, id);
  const rounds = 120;
  let begun = 0;
  let done = 0;
  const replacements = async () => {
    for (let round = 1; round <= rounds; round += 1) {
      begun = round;
      const content = { base64: Buffer.from(`0:${round}`).toString('base64') };
      await change('replaceContent', { attachmentId: id, fileName: 'n0.txt', content });
      done = round;
    }
  };
  const wrong: string[] = [];
  const read = (get: () => Promise<Response>) => async () => {
    const least = done;
    const answer = await get();
    const text = await answer.text();
    const version = Number(text.split(':')[1]);
    if (answer.status !== 200 || version < least || version > begun) wrong.push(`${answer.status} ${text}`);
  };
  const own = read(() => client.download(`/attachments/${id}`));
  const shared = read(() => fetch(url));
  const count = await readMeanwhile(replacements(), [own, own, own, shared, shared]);
  report(`${count} downloads while the content was replaced ${rounds} times`);
  expect(wrong).toEqual([]);
});
