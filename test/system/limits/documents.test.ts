import { createSchema } from '../../../src/graphql/schema.js';
import { createScreen } from '../../../src/graphql/screen-operation.js';
import { Client } from '../../support/client.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { formBody, testBoundary } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';

const repeat = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');

const strangeFields = `{ ${repeat(1_900, (index) => `attachment${index}`)} }`;
const strangeVariables = 'query ($input: ClaimAttachmentInput!) { __typename }';
const suggestion = /Did you mean/;

describe('a document with many faults', () => {
  test('is told of the first of them, with suggestions while clients may ask for the schema', async () => {
    await using service = await startService();
    const anybody = new Client(service.url, null);
    const { status, errors = [] } = await anybody.graphql(strangeFields);
    expect(status).toBe(400);
    expect(errors.length).toBeLessThanOrEqual(11);
    expect(errors[0]?.message).toMatch(suggestion);
    expect(errors.at(-1)?.message).toMatch(/error limit reached/);
  });

  test.each([
    ['fields', strangeFields, {}],
    ['arguments', '{ attachments(fist: 1) { totalCount } }', {}],
    ['types', 'query ($a: Attachmen) { __typename }', {}],
    ['enums', '{ attachments(filter: { status: [APPROVE] }) { totalCount } }', {}],
    [
      'variables',
      strangeVariables.replace('__typename', 'attachments { totalCount }'),
      { input: { attachmentI: 'x' } },
    ],
  ])('learns nothing by suggestions while the schema is kept back: %s', async (_, query, variables) => {
    await using service = await startService({ INTROSPECTION: 'false' });
    for (const client of [new Client(service.url, null), service.client]) {
      const { errors = [] } = await client.graphql(query, variables);
      expect(errors.length).toBeGreaterThan(0);
      expect(errors.length).toBeLessThanOrEqual(11);
      expect(JSON.stringify(errors)).not.toMatch(suggestion);
    }
  });
});

describe('a document that many tokens allow to be deeper than the stack', () => {
  const documents = [
    [
      'fragments',
      `{ viewer { ...F0 } } ${repeat(6_000, (i) => `fragment F${i} on Viewer { ...F${i + 1} }`)} fragment F6000 on Viewer { organizationId }`,
    ],
    ['fragments in place', `${'{ ... '.repeat(3_800)}{ __typename }${'}'.repeat(3_800)}`],
    ['fields', `${'{ viewer '.repeat(8_000)}{ __typename }${'}'.repeat(8_000)}`],
  ] as const;

  test.each(documents)('is too deep by its %s', async (_, query) => {
    await using service = await startService({ MAX_QUERY_TOKENS: '1000000' });
    const { status, errors } = await new Client(service.url, null).graphql(query);
    expect([status, errors?.map(({ extensions }) => extensions)]).toMatchObject([
      400,
      [{ code: 'QUERY_TOO_COMPLEX', limit: 12, details: [{ type: 'too_deep' }] }],
    ]);
  });
});

describe('fragments that meet in one place', () => {
  const spread = (count: number, selection: string) =>
    `{ viewer { ${repeat(count, (i) => `...F${i}`)} } }
     ${repeat(count, (i) => `fragment F${i} on Viewer { ${selection} }`)}`;
  const doubled = `{ __schema { types { ...A0 } } } fragment A90 on __Type { name } fragment B90 on __Type { kind }
    ${repeat(90, (i) =>
      ['A', 'B'].map((name) => `fragment ${name}${i} on __Type { ...A${i + 1} ...B${i + 1} }`).join(' '),
    )}`;

  test.each([
    ['all with the same fields', spread(102, 'principal { id kind name } organizationId')],
    ['nothing but each other', doubled],
  ])('are not compared with one another without a bound: %s', async (_, query) => {
    await using service = await startService();
    const { status, errors } = await new Client(service.url, null).graphql(query);
    expect({ status, extensions: errors?.[0]?.extensions }).toEqual({
      status: 400,
      extensions: {
        code: 'QUERY_TOO_COMPLEX',
        limit: 5_000,
        details: [{ loc: ['query'], msg: expect.any(String), type: 'too_many_comparisons' }],
      },
    });
  });

  test('are as many as the parts of a page need', async () => {
    await using service = await startService();
    const { status, errors } = await service.client.graphql(spread(40, 'principal { id } organizationId'));
    expect({ status, errors }).toEqual({ status: 200, errors: undefined });
  });

  test('within themselves are told', async () => {
    await using service = await startService();
    const query = '{ viewer { ...F } } fragment F on Viewer { principal { id } ...F }';
    const { errors } = await service.client.graphql(query);
    expect(errors?.[0]?.message).toMatch(/within itself/);
  });
});

describe('long variables with many faults', () => {
  const query = 'query ($filter: AttachmentFilter) { attachments(filter: $filter) { totalCount } }';
  const strange = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`member${index}`, 1]));
  const details = Array.from({ length: 50 }, (_, index) => ({
    loc: ['filter'],
    msg: expect.stringContaining(`Field "member${index}" is not defined`),
    type: 'bad_user_input',
  }));
  const more = { loc: ['variables'], msg: expect.stringContaining('50'), type: 'too_many_faults' };
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  test('are named, and not written out again for each fault', async () => {
    for (const client of [new Client(service.url, null), service.client]) {
      const { status, errors = [] } = await client.graphql(query, { filter: strange });
      expect({ status, errors: errors.map(({ extensions }) => extensions) }).toEqual({
        status: 400,
        errors: [{ code: 'BAD_USER_INPUT', details: [...details, more], limit: 50 }],
      });
      expect(JSON.stringify(errors)).not.toContain('member19999');
    }
  });

  test('are refused whatever is wrong with them', async () => {
    const lists = { contentType: Array.from({ length: 2_000 }, (_, index) => ({ [`type${index}`]: 1 })) };
    const { errors = [] } = await service.client.graphql(query, { filter: lists });
    expect(errors).toMatchObject([
      {
        extensions: {
          code: 'BAD_USER_INPUT',
          details: expect.arrayContaining([expect.objectContaining({ loc: ['filter', 'contentType', 49] })]),
        },
      },
    ]);
  });
});

describe('the memory of documents', () => {
  const limits = { tokens: 2_000, depth: 12, aliases: 50, cost: 250_000, bytes: 1_000_000 };
  const fields = 'id fileName contentType size status createdAt updatedAt claimedAt expiresAt url';
  const distinct = (index: number) => `{ attachments(first: 10) { nodes { ${fields} } } } # ${index}`;

  /** Bytes of the heap that are kept after so many distinct documents. */
  function keptAfter(count: number, isKnown: boolean): number {
    const screen = createScreen(createSchema(), { limits, introspection: true });
    screen({ query: distinct(-1) }, isKnown);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < count; index += 1) screen({ query: distinct(index) }, isKnown);
    collectGarbage();
    const kept = process.memoryUsage().heapUsed - before;
    expect(screen({ query: distinct(count) }, isKnown)).not.toBeNull();
    return kept;
  }

  test('is bounded, and the same whatever their number', () => {
    const mebibyte = 1024 * 1024;
    expect(keptAfter(2_000, true)).toBeLessThan(12 * mebibyte);
    expect(keptAfter(2_000, false)).toBeLessThan(mebibyte);
  });

  test('keeps none that was refused', () => {
    const screen = createScreen(createSchema(), { limits: { ...limits, cost: 5 }, introspection: true });
    const refused = `{ attachments(first: 10) { nodes { id } } }`;
    for (const _ of [1, 2]) expect(() => screen({ query: refused }, true)).toThrow(/more than 5 values/);
    expect(screen({ query: '{ strange }' }, true)).toBeNull();
    const valid = screen({ query: '{ viewer { organizationId } }' }, true);
    expect(screen({ query: '{ viewer { organizationId } }' }, true)?.document).toBe(valid?.document);
    const unknown = screen({ query: '{ viewer { permissions } }' }, false);
    expect(screen({ query: '{ viewer { permissions } }' }, false)?.document).not.toBe(unknown?.document);
  });
});

describe('variables beyond any use', () => {
  const long = 'x'.repeat(2 * 1024 * 1024);
  const told = (message: string) => [
    {
      extensions: {
        code: 'BAD_USER_INPUT',
        details: [{ loc: ['value'], msg: expect.stringContaining(message) }],
      },
    },
  ];
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  test.each([
    ['[AttachmentStatus!]', 'filter: { status: $value }', 'does not exist in "AttachmentStatus" enum.'],
    ['Int', 'first: $value', `… (${long.length} characters)`],
  ])('have long texts cut before they are compared and quoted: %s', async (type, argument, message) => {
    const query = `query ($value: ${type}) { attachments(${argument}) { totalCount } }`;
    const { status, errors } = await service.client.graphql(query, { value: long });
    expect({ status, errors }).toMatchObject({ status: 400, errors: told(message) });
  });

  test('are refused for their number in each form of a request', async () => {
    const operation = { query: '{ viewer { organizationId } }', variables: { a: Array(30_000).fill(1) } };
    const refusal = (loc: string[]) => ({
      status: 413,
      body: { errors: [{ extensions: { details: [{ loc, type: 'too_many_values' }], limit: 25_000 } }] },
    });
    const json = { 'content-type': 'application/json' };
    expect(await post(service, JSON.stringify(operation), json)).toMatchObject(refusal(['body']));
    const form = formBody([
      { name: 'operations', content: JSON.stringify(operation) },
      { name: 'map', content: '{}' },
    ]);
    const headers = { 'content-type': `multipart/form-data; boundary=${testBoundary}` };
    expect(await post(service, form, headers)).toMatchObject(refusal(['operations']));
  });

  test('are refused for their depth in a URL', async () => {
    const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
    const url = `/graphql?query={viewer{organizationId}}&variables=%7B%22a%22:${deep}%7D`;
    const answer = await fetch(`${service.url}${url}`, {
      headers: { ...service.client.headers, 'apollo-require-preflight': 'true' },
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      errors: [{ extensions: { details: [{ type: 'json_too_deep' }], limit: 100 } }],
    });
  });
});

async function post(service: TestService, body: string | Buffer, headers: Record<string, string>) {
  const answer = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { ...service.client.headers, 'apollo-require-preflight': 'true', ...headers },
    body,
  });
  return { status: answer.status, body: await answer.json() };
}
