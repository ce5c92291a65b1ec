import { v7 as uuidv7 } from 'uuid';
import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import type { Client } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { openTestDatabase } from '../../support/test-database.js';

interface Listed {
  totalCount: number;
  nodes: { id: string }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; endCursor: string | null };
}

interface Comment {
  id: string;
  recordId: string;
  attachments: Listed;
}

const listed = 'totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor }';
const commentsQuery = `query ($refs: [RecordInput!]!, $first: Int, $last: Int, $after: String, $before: String) {
  records(refs: $refs) { id recordId attachments(first: $first, last: $last, after: $after, before: $before) { ${listed} } } }`;
const filesQuery = `query ($refs: [RecordInput!]!) { records(refs: $refs) {
  id type recordId field(name: "files") { version links { position attachment { id url createdBy { name } } } }
  fields { name } attachments { totalCount nodes { id downloadUrl } } } }`;
const listQuery = `query ($filter: AttachmentFilter, $first: Int, $last: Int) {
  attachments(filter: $filter, first: $first, last: $last) { ${listed} } }`;

const counter = new StatementCounter();
let service: TestService;
let client: Client;
const refs = Array.from({ length: 60 }, (_, index) => ({ type: 'Comment', id: String(index) }));
/** Ids of attachments by comment, the newest first. */
const files: string[][] = [];

beforeAll(async () => {
  service = await startService({}, { statementLogger: counter });
  client = service.client;
  for (const [index, record] of refs.entries()) {
    const own: string[] = [];
    for (let file = 0; file < index % 4; file += 1) {
      const input = { record, ...(file % 2 === 0 ? { field: 'files' } : {}) };
      own.unshift((await client.upload({ content: `${index} ${file}`, name: 'x.txt' }, input)).id);
    }
    files.push(own);
  }
});
afterAll(() => service.close());

const comments = async (variables: object) =>
  (await client.ask<{ records: Comment[] }>(commentsQuery, variables)).records;

describe('records', () => {
  test('answers each, in the order asked for, with its own files', async () => {
    const some = [refs[7], refs[2], refs[58], refs[2], { type: 'Comment', id: 'without' }];
    const found = await comments({ refs: some });
    expect(found.map(({ recordId }) => recordId)).toEqual(['7', '2', '58', '2', 'without']);
    expect(found.map(({ attachments }) => attachments.nodes.map(({ id }) => id))).toEqual([
      files[7],
      files[2],
      files[58],
      files[2],
      [],
    ]);
    expect(found.map(({ attachments }) => attachments.totalCount)).toEqual([3, 2, 2, 2, 0]);
    expect(found[1]?.id).toBe(found[3]?.id);
    expect(await comments({ refs: [] })).toEqual([]);
  });

  test('a page of each of many records is that of the record alone, forwards and backwards', async () => {
    const [three, other] = [refs[7], refs[11]];
    const whole = await comments({ refs: [three, other], first: 1 });
    const after = whole[0]?.attachments.pageInfo.endCursor;
    for (const page of [
      { first: 1 },
      { last: 1 },
      { first: 1, after },
      { last: 2, before: after },
      { first: 0 },
    ]) {
      const together = await comments({ refs: [three, other], ...page });
      const apart = await Promise.all([three, other].map((one) => comments({ refs: [one], ...page })));
      expect(together).toEqual(apart.flat());
    }
    expect(whole[0]?.attachments).toMatchObject({
      nodes: [{ id: files[7]?.[0] }],
      pageInfo: { hasNextPage: true },
    });
  });

  test('a page with 60 comments and their files needs as many statements as one with 24, and three no more', async () => {
    await client.ask(filesQuery, { refs });
    const three = await counter.fewest(() => client.ask(filesQuery, { refs: refs.slice(1, 4) }));
    // Two reads of up to 16 rows may share a statement; these are longer.
    const few = await counter.fewest(() => client.ask(filesQuery, { refs: refs.slice(0, 24) }));
    const many = await counter.fewest(() => client.ask(filesQuery, { refs }));
    expect(many).toBe(few);
    expect(three).toBeLessThanOrEqual(few);
    expect(many).toBeLessThanOrEqual(12);
    expect(
      await counter.fewest(() =>
        client.ask('query ($refs: [RecordInput!]!) { records(refs: $refs) { id } }', { refs }),
      ),
    ).toBe(0);
  });

  test('names every fault of every record', async () => {
    const wrong = [refs[0], { type: '', id: '1' }, { type: 'T', id: 'x'.repeat(256) }];
    const { errors } = await client.graphql(commentsQuery, { refs: wrong });
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      limit: 255,
      details: [
        { loc: ['refs', 1, 'type'], type: 'empty' },
        { loc: ['refs', 2, 'id'], type: 'too_long' },
      ],
    });
  });
});

test('a record with thousands of attachments is answered beside others', async () => {
  const [small, large] = [refs[3], { type: 'Comment', id: 'large' }];
  const { id } = await client.upload({ content: 'y', name: 'y.txt' }, { record: large });
  const database = await openTestDatabase(service.dataDirectory);
  await database.write(async (manager) => {
    const row = await manager.findOneByOrFail(AttachmentRow, { id });
    for (let group = 0; group < 10; group += 1)
      await manager.insert(
        AttachmentRow,
        Array.from({ length: 500 }, () => ({ ...row, id: uuidv7() })),
      );
  });
  await database.close();
  const found = await comments({ refs: [small, large], first: 2 });
  expect(found.map(({ attachments }) => attachments.totalCount)).toEqual([3, 5_001]);
  expect(found[0]?.attachments.nodes.map(({ id }) => id)).toEqual(files[3]?.slice(0, 2));
  expect(found.slice(1)).toEqual(await comments({ refs: [large], first: 2 }));
});

describe('attachments by their ids', () => {
  const list = async (variables: object) =>
    (await client.ask<{ attachments: Listed }>(listQuery, variables)).attachments;

  test('are those among them that are there and meet the other conditions, in the order of the list', async () => {
    const all = files.flat();
    const some = [all[5], all[40], all[11]].map(String);
    const never = '01a1fb65-08c0-765b-84f5-000000000000';
    const page = await list({ filter: { ids: [...some, never, some[0]?.toUpperCase(), ''] } });
    expect(page.totalCount).toBe(3);
    expect(page.nodes.map(({ id }) => id)).toEqual(some.toSorted().toReversed());
    expect((await list({ filter: { ids: some }, last: 1 })).nodes).toEqual(page.nodes.slice(-1));
    expect((await list({ filter: { ids: [] } })).totalCount).toBe(0);
    expect((await list({ filter: { ids: null } })).totalCount).toBeGreaterThan(all.length);
    expect((await list({ filter: { ids: some, status: ['PENDING'] } })).nodes).toEqual([]);
    expect((await list({ filter: { ids: files[7], record: refs[7] } })).nodes.map(({ id }) => id)).toEqual(
      files[7],
    );
    expect((await list({ filter: { ids: files[7], record: refs[8] } })).nodes).toEqual([]);
  });

  test('are one statement, however many they are', async () => {
    const query = 'query ($ids: [ID!]) { attachments(first: 100, filter: { ids: $ids }) { nodes { id } } }';
    const ids = files.flat();
    await client.ask(query, { ids });
    for (const some of [ids.slice(0, 1), ids])
      expect(await counter.fewest(() => client.ask(query, { ids: some }))).toBe(1);
  });
});

const id = '01a1fb65-08c0-765b-84f5-000000000000';
const bulk = [
  [
    'records',
    'refs',
    'query ($list: [RecordInput!]!) { records(refs: $list) { id } }',
    { type: 'T', id: '1' },
  ],
  ['nodes', 'ids', 'query ($list: [ID!]!) { nodes(ids: $list) { id } }', id],
  [
    'attachments',
    'filter.ids',
    'query ($list: [ID!]!) { attachments(filter: { ids: $list }) { nodes { id } } }',
    id,
  ],
] as const;

test.each(bulk)('%s takes 100 in %s, and refuses more', async (_, place, query, one) => {
  const many = (length: number) => ({ list: Array.from({ length }, () => one) });
  await client.ask(query, many(100));
  for (const length of [101, 1_000]) {
    const { errors } = await client.graphql(query, many(length));
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      limit: 100,
      details: [{ loc: place.split('.'), type: 'too_many' }],
    });
  }
});

describe('bulk reads cost by their length', () => {
  let frugal: TestService;
  beforeAll(async () => {
    frugal = await startService({ MAX_QUERY_COST: '150' });
  });
  afterAll(() => frugal.close());

  const inner = 'attachments(first: 5) { nodes { id } }';
  const costly = [
    [
      'records',
      `query ($list: [RecordInput!]!) { records(refs: $list) { ${inner} } }`,
      { type: 'T', id: '1' },
    ],
    ['nodes', `query ($list: [ID!]!) { nodes(ids: $list) { ... on HostRecord { ${inner} } } }`, id],
    [
      'attachments',
      'query ($list: [ID!]!) { attachments(first: 1000, filter: { ids: $list }) { nodes { id fileName size url createdAt } } }',
      id,
    ],
  ] as const;

  test.each(costly)('%s', async (_, query, one) => {
    const ask = (list: unknown) => frugal.client.graphql(query, { list });
    for (const list of [[one, one, one], one]) expect((await ask(list)).errors).toBeUndefined();
    const { errors } = await ask(Array.from({ length: 60 }, () => one));
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'QUERY_TOO_COMPLEX',
      details: [{ type: 'too_costly' }],
    });
    const literal = (count: number) => {
      const text = typeof one === 'string' ? `"${one}"` : '{ type: "T", id: "1" }';
      return query.replace(/query \(.*?\) /, '').replace('$list', `[${Array(count).fill(text).join(', ')}]`);
    };
    expect((await frugal.client.graphql(literal(3))).errors).toBeUndefined();
    expect((await frugal.client.graphql(literal(60))).errors?.[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX');
  });

  test('a number that stands for a list of one id does not say how long lists are', async () => {
    const query = `query ($list: [ID!]!) { nodes(ids: $list) { id ... on HostRecord { ${inner} } } }`;
    expect((await frugal.client.graphql(query, { list: 60 })).errors).toBeUndefined();
    const { errors } = await frugal.client.graphql(query, { list: Array(60).fill(id) });
    expect(errors?.[0]?.extensions).toMatchObject({ details: [{ type: 'too_costly' }] });
  });

  test('a filter in a variable counts as one in the document does', async () => {
    const query =
      'query ($filter: AttachmentFilter) { attachments(first: 1000, filter: $filter) { nodes { id } } }';
    expect((await frugal.client.graphql(query, { filter: { ids: [id] } })).errors).toBeUndefined();
    expect((await frugal.client.graphql(query, { filter: {} })).errors?.[0]?.extensions.code).toBe(
      'QUERY_TOO_COMPLEX',
    );
  });
});
