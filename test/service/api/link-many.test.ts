import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { runsOnPostgres } from '../../support/test-database.js';
import { link } from '../doors/links.js';

/** As many as are kept apart by what changes of them, and more. */
const many = 20;

const counter = new StatementCounter();
let now = Date.now();
let service: TestService;
beforeAll(async () => {
  const clock = () => new Date(now);
  service = await startService({ UNLINKED_RETENTION_DAYS: '2' }, { clock, statementLogger: counter });
});
afterAll(() => service.close());

const uploads = (count: number, client = service.client) =>
  Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const { id } = await client.upload({ content: `${index}`, name: `${index}.txt` });
      return id;
    }),
  );

interface Stored {
  updatedAt: string;
  expiresAt: string | null;
  claimedAt: string | null;
  record: { id: string } | null;
}

const read = async (id: string) => {
  const query =
    'query ($id: ID!) { attachment(id: $id) { updatedAt expiresAt claimedAt record { id: recordId } } }';
  return (await service.client.ask<{ attachment: Stored }>(query, { id })).attachment;
};

const record = (id: string) => ({ type: 'Account', id });

test('a field takes many of which the record has some, some are new, and some were about to expire', async () => {
  const ids = await uploads(many);
  const { client } = service;
  await link(client, { record: record('1'), field: 'first', attachmentIds: ids.slice(0, 12) });
  await link(client, { record: record('1'), field: 'first', attachmentIds: ids.slice(0, 6) });
  const before = await Promise.all(ids.map(read));
  const kinds = before.map(({ record: owner, expiresAt }) => [owner?.id ?? null, expiresAt !== null]);
  expect([kinds[0], kinds[6], kinds[12]?.[0]]).toEqual([['1', false], ['1', true], null]);
  now += 1_000;
  const { data } = await link(client, {
    record: record('1'),
    field: 'second',
    attachmentIds: ids,
    mode: 'ADD',
  });
  expect(data?.linkAttachments.links.map(({ attachment }) => attachment.id)).toEqual(ids);
  for (const [index, id] of ids.entries()) {
    const after = await read(id);
    const claimedAt = before[index]?.claimedAt ?? after.updatedAt;
    expect(after).toEqual({ updatedAt: after.updatedAt, expiresAt: null, claimedAt, record: { id: '1' } });
    expect(Date.parse(after.updatedAt)).toBeGreaterThan(Date.parse(before[index]?.updatedAt ?? ''));
  }
});

test('one of many that another record has, or nobody may see, is named, and nothing changes', async () => {
  const ids = await uploads(many);
  const { client } = service;
  const [foreign] = await uploads(1, await newClient(service));
  await link(client, { record: record('2'), field: 'files', attachmentIds: ids.slice(0, 10) });
  await link(client, { record: record('3'), field: 'files', attachmentIds: [ids[19] ?? ''] });
  const before = await Promise.all(ids.map(read));
  now += 1_000;
  const attachmentIds = [...ids, foreign ?? ''];
  const answer = await link(client, { record: record('2'), field: 'more', attachmentIds, mode: 'ADD' });
  expect(answer.errors?.[0]?.extensions.details).toMatchObject([
    { loc: ['input', 'attachmentIds', 19], type: 'already_claimed' },
    { loc: ['input', 'attachmentIds', 20], type: 'not_found' },
  ]);
  expect(await Promise.all(ids.map(read))).toEqual(before);
});

test('an ADD of 100 takes no more statements than one of many, and few', async () => {
  const ids = await uploads(100);
  const { client } = service;
  let fields = 0;
  const add = (count: number) =>
    counter.fewest(() => {
      fields += 1;
      const field = `field ${fields}`;
      return link(client, { record: record('4'), field, attachmentIds: ids.slice(0, count), mode: 'ADD' });
    });
  await add(100);
  const [few, all] = [await add(many), await add(100)];
  expect(all).toBe(few);
  // Its transaction on PostgreSQL keeps the verdicts and the versions, and begins by two trips.
  expect(all).toBeLessThanOrEqual(runsOnPostgres() ? 12 : 8);
});

test('a creation into a field changes no row that it has just made, and reads none again', async () => {
  const { client } = service;
  let fields = 0;
  const count = await counter.fewest(() => {
    fields += 1;
    return client.upload(
      { content: 'hello', name: 'a.txt' },
      { record: record('5'), field: `field ${fields}` },
    );
  });
  // Blob, body, attachment, two events, field and link, between the ends of the transaction, and then who has made it.
  expect(count).toBeLessThanOrEqual(runsOnPostgres() ? 11 : 10);
});
