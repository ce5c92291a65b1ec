import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { StatementCounter } from '../../support/statement-counter.js';

interface Listed {
  attachments: {
    totalCount: number;
    nodes: { id: string; fileName: string }[];
    edges: { cursor: string; node: { id: string } }[];
    pageInfo: {
      hasNextPage: boolean;
      hasPreviousPage: boolean;
      startCursor: string | null;
      endCursor: string | null;
    };
  };
}

const query = `query ($first: Int, $after: String, $filter: AttachmentFilter, $orderBy: AttachmentOrder) {
  attachments(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
    totalCount nodes { id fileName } edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;

const record = { type: 'Issue', id: '1' };

describe('attachments', () => {
  let service: TestService;
  let colleague: Client;
  const counter = new StatementCounter();
  /** File names by who may see them. */
  const visible: string[] = [];

  beforeAll(async () => {
    service = await startService({}, { statementLogger: counter });
    colleague = await newClient(service);
    const make = (client: Client, name: string, content: string, input: object = {}) =>
      client.upload({ content, name }, input);
    for (let index = 0; index < 12; index += 1) {
      const name = `${String.fromCharCode(97 + ((index * 7) % 12))}_100%.${index % 3 === 0 ? 'json' : 'txt'}`;
      const input = index % 2 === 0 ? { record, ...(index % 4 === 0 ? { field: 'files' } : {}) } : {};
      await make(
        index % 5 === 0 ? colleague : service.client,
        name,
        'x'.repeat(((index * 5) % 12) + 2),
        input,
      );
      if (index % 5 !== 0 || index % 2 === 0) visible.push(name);
    }
  });
  afterAll(() => service.close());

  const list = async (variables: object = {}, client = service.client) =>
    (await client.ask<Listed>(query, variables)).attachments;
  const names = async (variables: object) => (await list(variables)).nodes.map(({ fileName }) => fileName);

  test('shows what is claimed or linked, and apart from that only what is the viewer’s own, newest first', async () => {
    expect(await names({})).toEqual([...visible].reverse());
    expect((await list()).totalCount).toBe(visible.length);
  });

  test.each([
    ['CREATED_AT', 'ASC'],
    ['CREATED_AT', 'DESC'],
    ['FILE_NAME', 'ASC'],
    ['FILE_NAME', 'DESC'],
    ['SIZE', 'ASC'],
    ['SIZE', 'DESC'],
  ])('walks page by page through %s %s as through one long page', async (field, direction) => {
    const orderBy = { field, direction };
    const whole = (await list({ orderBy })).nodes.map(({ id }) => id);
    expect(whole).toHaveLength(visible.length);
    const walked: string[] = [];
    let after: string | null = null;
    let pages = 0;
    do {
      const page: Listed['attachments'] = await list({ orderBy, first: 3, after });
      expect(page.edges.map(({ node }) => node.id)).toEqual(page.nodes.map(({ id }) => id));
      expect(page.pageInfo).toMatchObject({
        hasPreviousPage: after !== null,
        startCursor: page.edges[0]?.cursor,
        endCursor: page.edges.at(-1)?.cursor,
      });
      walked.push(...page.nodes.map(({ id }) => id));
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
      pages += 1;
    } while (after !== null && pages < 20);
    expect(walked).toEqual(whole);
    if (field === 'FILE_NAME') {
      const sorted = [...visible].sort();
      expect(await names({ orderBy })).toEqual(direction === 'ASC' ? sorted : sorted.reverse());
    }
  });

  test('filters by every condition alone and by several together', async () => {
    const all = (
      await service.client.ask<{ attachments: { nodes: Full[] } }>(
        '{ attachments { nodes { fileName contentType createdAt createdBy { id } record { id: recordId } sha256: digest { hash } links { totalCount } status } } }',
      )
    ).attachments.nodes;
    const own = await service.client.ask<{ viewer: { principal: { id: string } } }>(
      '{ viewer { principal { id } } }',
    );
    const middle = all[4]?.createdAt ?? '';
    const digest = sha256('x'.repeat(2));
    const cases: [object, (one: Full) => boolean][] = [
      [{ claimed: true }, (one) => one.record !== null],
      [{ claimed: false }, (one) => one.record === null],
      [{ linked: true }, (one) => one.links.totalCount > 0],
      [{ linked: false }, (one) => one.links.totalCount === 0],
      [{ record }, (one) => one.record?.id === record.id],
      [{ record: { type: 'Issue', id: '2' } }, () => false],
      [{ contentType: ['application/json'] }, (one) => one.contentType === 'application/json'],
      [{ contentType: ['text/*', 'image/png'] }, (one) => one.contentType.startsWith('text/')],
      [{ contentType: ['te%t/*'] }, () => false],
      [{ contentType: [] }, () => false],
      [{ fileNameContains: '_100%.J' }, (one) => one.fileName.endsWith('.json')],
      [{ fileNameContains: '0_' }, () => false],
      [{ createdBy: own.viewer.principal.id }, (one) => one.createdBy.id === own.viewer.principal.id],
      [{ createdAfter: middle }, (one) => one.createdAt > middle],
      [{ createdBefore: middle }, (one) => one.createdAt < middle],
      [{ sha256: digest.toUpperCase() }, (one) => one.sha256.hash === digest],
      [{ status: ['APPROVED'] }, () => true],
      [{ status: ['PENDING', 'REJECTED'] }, () => false],
      [
        { claimed: true, contentType: ['text/*'], fileNameContains: 'C' },
        (one) => one.record !== null && one.contentType.startsWith('text/') && one.fileName.includes('c'),
      ],
      [{ claimed: null, record: null, status: null }, () => true],
    ];
    for (const [filter, matches] of cases) {
      const expected = all.filter(matches).map(({ fileName }) => fileName);
      const page = await list({ filter });
      expect({ filter, found: page.nodes.map(({ fileName }) => fileName), total: page.totalCount }).toEqual({
        filter,
        found: expected,
        total: expected.length,
      });
    }
  });

  test.each([
    [{ first: -1 }, ['first'], 'out_of_range'],
    [{ first: 1_001 }, ['first'], 'out_of_range'],
    [{ after: 'nonsense' }, ['after'], 'invalid_cursor'],
    [{ after: Buffer.from('["SIZE ASC",1,"x"]').toString('base64url') }, ['after'], 'invalid_cursor'],
    [
      { after: Buffer.from('["CREATED_AT DESC",{"a":1},"x"]').toString('base64url') },
      ['after'],
      'invalid_cursor',
    ],
  ])('refuses %j', async (variables, loc, type) => {
    const { errors } = await service.client.graphql(query, variables);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', details: [{ loc, type }] });
  });

  test('names faults of the page and of the filter at once', async () => {
    const filter = { record: { type: '', id: 'x' } };
    const { errors } = await service.client.graphql(query, { first: 1_001, after: 'nonsense', filter });
    expect(errors?.[0]?.extensions.details.map(({ loc, type }) => [loc, type])).toEqual([
      [['filter', 'record', 'type'], 'empty'],
      [['first'], 'out_of_range'],
      [['after'], 'invalid_cursor'],
    ]);
  });

  test.each([
    ['ASC', 'createdAfter'],
    ['DESC', 'createdBefore'],
  ])('a time behind a cursor counts, and one before it changes nothing: %s', async (direction, condition) => {
    const orderBy = { field: 'CREATED_AT', direction };
    const all = (
      await service.client.ask<{
        attachments: { nodes: (Full & { id: string })[]; edges: { cursor: string }[] };
      }>(
        'query ($orderBy: AttachmentOrder) { attachments(orderBy: $orderBy) { nodes { id createdAt } edges { cursor } } }',
        { orderBy },
      )
    ).attachments;
    for (const [at, time] of [
      [2, 6],
      [6, 2],
    ] as const) {
      const filter = { [condition]: all.nodes[time]?.createdAt };
      const { nodes } = await list({ orderBy, filter, after: all.edges[at]?.cursor });
      const isBeyond = ({ createdAt }: Full) => {
        const limit = all.nodes[time]?.createdAt ?? '';
        return direction === 'ASC' ? createdAt > limit : createdAt < limit;
      };
      expect(nodes.map(({ id }) => id)).toEqual(
        all.nodes
          .slice(at + 1)
          .filter(isBeyond)
          .map(({ id }) => id),
      );
    }
  });

  test('costs the same number of statements however long the page is', async () => {
    const wide = `query ($first: Int) { attachments(first: $first) { totalCount nodes {
      id createdBy { name } record { type id field(name: "files") { version links { position attachment { id } } } fields { name } }
      links(first: 10) { totalCount nodes { field position record { id: recordId } attachment { id createdBy { id } } } } downloadUrl digest { hash } } } }`;
    await service.client.ask(wide, { first: 1 });
    await Promise.all(
      Array.from({ length: 90 }, (_, index) =>
        service.client.upload(
          { content: `${index}`, name: `${index}.txt` },
          { record: { type: 'Page', id: `${index}` }, field: 'files' },
        ),
      ),
    );
    const small = await counter.fewest(() => service.client.ask(wide, { first: 3 }));
    const large = await counter.fewest(() => service.client.ask(wide, { first: 100 }));
    // Loads that become due together may share a statement or not, as may those of two slices of a page.
    expect(large).toBeLessThanOrEqual(small + 6);
    expect(large).toBeLessThanOrEqual(25);
  });
});

interface Full {
  fileName: string;
  contentType: string;
  createdAt: string;
  createdBy: { id: string };
  record: { id: string } | null;
  sha256: { hash: string };
  links: { totalCount: number };
  status: string;
}
