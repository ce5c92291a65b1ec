import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';

const query = 'query ($id: ID!) { attachment(id: $id) { id fileName } }';

const counter = new StatementCounter();
let service: TestService;
let client: Client;
/** Sees nothing that the other has uploaded. */
let stranger: Client;

beforeAll(async () => {
  service = await startService({}, { statementLogger: counter });
  client = service.client;
  stranger = await newClient(service);
});
afterAll(() => service.close());

const uploadSome = (count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, at) => client.upload({ content: `content ${at}`, name: `${at}.txt` })),
  );

const countOf = (statements: readonly string[], part: string) =>
  statements.filter((sql) => sql.includes(part)).length;

const find = async (as: Client, id: string) =>
  (await as.ask<{ attachment: { id: string; fileName: string } | null }>(query, { id })).attachment;

test('requests at the same time share their reads, and each gets what its credential may see', async () => {
  const files = await uploadSome(30);
  const unknown = '01a00000-0000-7000-8000-000000000000';
  const statements = await counter.during(async () => {
    const found = await Promise.all(
      files.flatMap(({ id }) => [find(client, id), find(stranger, id), find(client, unknown)]),
    );
    for (const [at, file] of files.entries()) {
      const { id, fileName } = file;
      expect(found.slice(3 * at, 3 * at + 3)).toEqual([{ id, fileName }, null, null]);
    }
  });
  // Each asks once, and those that find nothing ask for the trash, too.
  expect(countOf(statements, 'attachment.id IN')).toBeLessThan(150 * 0.9);
});

test('downloads at the same time do likewise, each with the bytes of its file', async () => {
  const files = await uploadSome(30);
  const statements = await counter.during(async () => {
    const answers = await Promise.all(
      files.flatMap(({ url }) => [client.download(url), client.download(url), stranger.download(url)]),
    );
    const texts = await Promise.all(answers.map(async (answer) => `${answer.status} ${await answer.text()}`));
    for (const at of files.keys()) {
      const [one, other, refused] = texts.slice(3 * at, 3 * at + 3);
      expect([one, other]).toEqual([`200 content ${at}`, `200 content ${at}`]);
      expect(refused).toMatch(/^404 .*NOT_FOUND/);
    }
  });
  expect(countOf(statements, 'attachment.id IN')).toBeLessThan(90 * 0.9);
  expect(countOf(statements, 'FROM blob_bodies')).toBeLessThan(60 * 0.9);
});

test('whoever asks after a change sees it, however many read meanwhile', async () => {
  const files = await uploadSome(40);
  const readers = { areDone: false };
  const [first] = files;
  if (!first) throw new Error('There is no file.');
  const reading = Promise.all(
    Array.from({ length: 8 }, async () => {
      while (!readers.areDone) await find(client, first.id);
    }),
  );
  for (const { id, fileName } of files) {
    expect(await find(client, id)).toEqual({ id, fileName });
    await client.ask(
      'mutation ($id: ID!) { updateAttachment(input: { attachmentId: $id, fileName: "new.txt" }) { attachment { id } } }',
      { id },
    );
    expect((await find(client, id))?.fileName).toBe('new.txt');
    await client.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id, permanently: true }) { deletedAttachmentId } }',
      { id },
    );
    expect(await find(client, id)).toBeNull();
  }
  readers.areDone = true;
  await reading;
});
