import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { seededRandom } from '../../support/seeded-random.js';
import { startService, type TestService } from '../../support/service.js';
import { endpoint } from '../webhooks/endpoint-operations.js';

interface PageOf {
  nodes: { id: string }[];
  edges: { cursor: string; node: { id: string } }[];
  pageInfo: {
    hasNextPage: boolean;
    hasPreviousPage: boolean;
    startCursor: string | null;
    endCursor: string | null;
  };
  totalCount: number;
  totalCountIsExact: boolean;
}

const fields = `nodes { id } edges { cursor node { id } } totalCount totalCountIsExact
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
const page = 'first: $first, last: $last, after: $after, before: $before';
const declared = '$first: Int, $last: Int, $after: String, $before: String';
const record = { type: 'Issue', id: '1' };

/** Every list of the schema, by what finds it in an answer. */
const lists: Record<string, [query: string, path: string[]]> = {
  ...Object.fromEntries(
    ['CREATED_AT', 'FILE_NAME', 'SIZE'].flatMap((field) =>
      ['ASC', 'DESC'].map((direction) => [
        `attachments by ${field} ${direction}`,
        [
          `attachments(${page}, orderBy: { field: ${field}, direction: ${direction} }) { ${fields} }`,
          ['attachments'],
        ],
      ]),
    ),
  ),
  'a search': [
    `attachments(${page}, filter: { status: [APPROVED], contentType: ["text/*"] }) { ${fields} }`,
    ['attachments'],
  ],
  'a stretch of time': [
    `attachments(${page}, filter: { createdAfter: "2020-01-01T00:00:00Z", createdBefore: "2999-01-01T00:00:00Z" }) { ${fields} }`,
    ['attachments'],
  ],
  'named attachments': [
    `attachments(${page}, filter: { ids: $ids }, orderBy: { field: SIZE }) { ${fields} }`,
    ['attachments'],
  ],
  "a record's attachments": [
    `record(type: "Issue", id: "1") { attachments(${page}) { ${fields} } }`,
    ['record', 'attachments'],
  ],
  'links of an attachment': [`attachment(id: $id) { links(${page}) { ${fields} } }`, ['attachment', 'links']],
  'API keys': [`apiKeys(${page}) { ${fields} }`, ['apiKeys']],
  deliveries: [`webhookDeliveries(attachmentId: $id, ${page}) { ${fields} }`, ['webhookDeliveries']],
  'all deliveries': [
    `webhookDeliveries(${page}, event: [ATTACHMENT_APPROVED]) { ${fields} }`,
    ['webhookDeliveries'],
  ],
  'webhook endpoints': [`webhookEndpoints(${page}) { ${fields} }`, ['webhookEndpoints']],
  'the audit log': [
    `auditLog(${page}, filter: { action: [ATTACHMENT_CREATED] }) { ${fields} }`,
    ['auditLog'],
  ],
  'the audit log of an attachment': [
    `auditLog(${page}, filter: { attachmentId: $id, after: "2020-01-01T00:00:00Z", before: "2999-01-01T00:00:00Z" }) { ${fields} }`,
    ['auditLog'],
  ],
};

let service: TestService;
let client: Client;
let ids: string[];
const many = 9;

beforeAll(async () => {
  service = await startService({ WEBHOOK_ALLOW_PRIVATE: 'true' });
  client = service.client;
  ids = [];
  const webhooks = Array.from({ length: many }, (_, index) => ({
    uri: `http://127.0.0.1:9/${index}`,
    interactions: ['ATTACHMENT_APPROVED'],
  }));
  for (let index = 0; index < many; index += 1) {
    const input = index % 2 === 0 ? { record } : {};
    // Some are alike in size and name, so that the id decides.
    const file = { content: 'x'.repeat(1 + (index % 3)), name: `${'abc'[index % 3]}.txt` };
    ids.push((await client.upload(file, { ...input, ...(index === 0 ? { webhooks } : {}) })).id);
  }
  for (let index = 0; index < many; index += 1) {
    await client.ask(
      'mutation ($id: ID!, $field: String!, $record: RecordInput!) { linkAttachments(input: { attachmentIds: [$id], field: $field, record: $record }) { field { version } } }',
      { id: ids[0], field: `f${index}`, record },
    );
    await newClient(service);
    await endpoint(client, 'create', { uri: `http://127.0.0.1:9/${index}`, events: ['ATTACHMENT_DELETED'] });
  }
});
afterAll(() => service.close());

async function read(name: string, variables: object): Promise<PageOf> {
  const [query, path] = lists[name] ?? ['', []];
  const more = [query.includes('$ids') ? ', $ids: [ID!]' : '', /\$id[),]/.test(query) ? ', $id: ID!' : ''];
  const data = await client.ask<unknown>(`query (${declared}${more.join('')}) { ${query} }`, {
    ...variables,
    ids,
    id: ids[0],
  });
  return path.reduce<unknown>((value, key) => Reflect.get(value as object, key), data) as PageOf;
}

const idsOf = ({ nodes }: PageOf) => nodes.map(({ id }) => id);

describe.each(Object.keys(lists))('%s', (name) => {
  let whole: PageOf;
  beforeAll(async () => {
    whole = await read(name, { first: 1_000 });
  });

  test('has every item on one page of default size, as null asks for too', async () => {
    expect(new Set(idsOf(whole)).size).toBe(whole.nodes.length);
    expect(whole.nodes.length).toBeGreaterThanOrEqual(5);
    expect(whole).toMatchObject({ totalCount: whole.nodes.length, totalCountIsExact: true });
    for (const variables of [{}, { first: null, last: null, after: null, before: null }, { last: 1_000 }])
      expect(await read(name, variables)).toEqual(whole);
  });

  test('any page is the slice of the whole list, and knows what is beside it', async () => {
    const random = seededRandom();
    const count = whole.nodes.length;
    const position = () => (random.next() < 0.4 ? null : Math.floor(random.next() * count));
    for (let round = 0; round < 40; round += 1) {
      const [after, before] = [position(), position()];
      const size = 1 + Math.floor(random.next() * (count + 1));
      const isLast = random.next() < 0.5;
      const cursor = (at: number | null) => (at === null ? null : whole.edges[at]?.cursor);
      const variables = { [isLast ? 'last' : 'first']: size, after: cursor(after), before: cursor(before) };
      const stretch = [...whole.nodes.keys()].filter((at) => at > (after ?? -1) && at < (before ?? count));
      const slice = isLast ? stretch.slice(-size) : stretch.slice(0, size);
      const found = await read(name, variables);
      const hasPreviousPage =
        (slice[0] ?? before ?? count) > 0 && (after !== null || slice[0] !== stretch[0]);
      const hasNextPage =
        (slice.at(-1) ?? after ?? -1) < count - 1 && (before !== null || slice.at(-1) !== stretch.at(-1));
      expect({ seed: random.seed, variables, ids: idsOf(found), info: found.pageInfo }).toEqual({
        seed: random.seed,
        variables,
        ids: slice.map((at) => whole.nodes[at]?.id),
        info: {
          hasNextPage,
          hasPreviousPage,
          startCursor: cursor(slice[0] ?? null) ?? null,
          endCursor: cursor(slice.at(-1) ?? null) ?? null,
        },
      });
    }
  });

  test('walks backwards page by page through the same items', async () => {
    const walked: string[] = [];
    let before: string | null = null;
    do {
      const found = await read(name, { last: 2, before });
      walked.unshift(...idsOf(found));
      before = found.pageInfo.hasPreviousPage ? found.pageInfo.startCursor : null;
    } while (before !== null);
    expect(walked).toEqual(idsOf(whole));
  });

  test('an empty page ends, and still counts', async () => {
    const after = whole.edges[2]?.cursor;
    for (const variables of [{ first: 0 }, { last: 0 }, { first: 0, after }, { last: 0, before: after }]) {
      expect(await read(name, variables)).toEqual({
        nodes: [],
        edges: [],
        pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
        totalCount: whole.totalCount,
        totalCountIsExact: true,
      });
    }
  });

  test.each([
    [{ first: 1, last: 1 }, 'first: first_and_last, last: first_and_last', undefined],
    [{ first: 0, last: 0 }, 'first: first_and_last, last: first_and_last', undefined],
    [{ last: -1 }, 'last: out_of_range', 1_000],
    [{ last: 1_001 }, 'last: out_of_range', 1_000],
    [{ before: 'nonsense' }, 'before: invalid_cursor', undefined],
    [{ last: 0, before: 'nonsense' }, 'before: invalid_cursor', undefined],
    [{ before: Buffer.from('["OTHERS",1,"x"]').toString('base64url') }, 'before: invalid_cursor', undefined],
    [
      { after: Buffer.from('["OTHERS",1,"x"]').toString('base64url'), before: 'nonsense' },
      'after: invalid_cursor, before: invalid_cursor',
      undefined,
    ],
    [
      { first: -1, after: 'nonsense', before: 'nonsense' },
      'first: out_of_range, after: invalid_cursor, before: invalid_cursor',
      1_000,
    ],
  ])('refuses %j', async (variables, faults, limit) => {
    const error = await read(name, variables).catch(({ message }: Error) => message);
    const [{ extensions }] = JSON.parse(String(error).slice(String(error).indexOf('['))) as [
      { extensions: { code: string; limit?: number; details: { loc: string[]; type: string }[] } },
    ];
    expect(extensions.code).toBe('BAD_USER_INPUT');
    expect(extensions.limit).toBe(limit);
    expect(extensions.details.map(({ loc, type }) => `${loc}: ${type}`).join(', ')).toBe(faults);
  });
});

test('knows what is before and behind a page whose cursors are gone', async () => {
  const name = 'attachments by CREATED_AT DESC';
  const made: string[] = [];
  for (let index = 0; index < 3; index += 1)
    made.push((await client.upload({ content: 'y', name: 'y.txt' })).id);
  const { edges } = await read(name, { first: 3 });
  await client.ask(
    `mutation { ${made.map((id, index) => `a${index}: deleteAttachment(input: { attachmentId: "${id}" }) { deletedAttachmentId }`).join(' ')} }`,
  );
  const after = edges[1]?.cursor;
  const first = await read(name, { first: 2, after });
  expect(first.pageInfo).toMatchObject({ hasPreviousPage: false, hasNextPage: true });
  expect((await read(name, { last: 2, before: after })).pageInfo).toMatchObject({
    hasPreviousPage: false,
    hasNextPage: true,
    endCursor: null,
  });
});
