import { buildClientSchema, getIntrospectionQuery, printSchema } from 'graphql';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import { createField, operationsOf } from '../pitfalls/upload-session.js';

const limits = { tokens: 2_000, depth: 12, aliases: 50, cost: 250_000 };
const types = {
  tokens: 'too_many_tokens',
  depth: 'too_deep',
  aliases: 'too_many_aliases',
  cost: 'too_costly',
};

const repeat = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');
const aliased = (count: number) => `{ ${repeat(count, (index) => `a${index}: viewer { organizationId }`)} }`;
/** Nested `levels` deep in all. */
const nested = (levels: number) => {
  const pair = 'links(first: 2) { nodes { attachment { ';
  const pairs = Math.floor((levels - 2) / 3);
  const rest =
    ['id', 'createdBy { id }', 'links { nodes { position } }'][
      (levels - 2) % 3 === 0 ? 0 : (levels - 2) % 3
    ] ?? 'id';
  return `{ attachment(id: "x") { ${pair.repeat(pairs)} ${rest} ${'} } }'.repeat(pairs)} } }`;
};
const wide = (first: number | string, inner: number | string, values = 'position') =>
  `{ attachments(first: ${first}) { nodes { links(first: ${inner}) { nodes { ${values} } } } } }`;

describe('an operation', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
    for (let index = 0; index < 3; index += 1) {
      await service.client.upload(
        { content: `${index}` },
        { record: { type: 'Page', id: '1' }, field: 'files' },
      );
    }
  });
  afterAll(() => service.close());

  const refusalOf = (passed: keyof typeof limits) => ({
    code: 'QUERY_TOO_COMPLEX',
    limit: limits[passed],
    details: [{ loc: ['query'], msg: expect.any(String), type: types[passed] }],
  });

  async function expectRefused(query: string, passed: keyof typeof limits, variables = {}): Promise<void> {
    const { status, errors, data } = await service.client.graphql(query, variables);
    expect({ status, data, extensions: errors?.map(({ extensions }) => extensions) }).toEqual({
      status: 400,
      data: undefined,
      extensions: [refusalOf(passed)],
    });
  }

  test.each<[string, keyof typeof limits, string]>([
    ['51 aliases', 'aliases', aliased(51)],
    [
      '51 aliases in fragments',
      'aliases',
      `{ viewer { ...F } } fragment F on Viewer { ...G principal { ${repeat(26, (i) => `a${i}: id`)} } }
       fragment G on Viewer { ${repeat(25, (i) => `b${i}: organizationId`)} }`,
    ],
    [
      'aliases of one fragment, spread twice',
      'aliases',
      `{ x: viewer { ...F } y: viewer { ...F } } fragment F on Viewer { ${repeat(25, (i) => `a${i}: organizationId`)} }`,
    ],
    [
      'the URLs of the parts of 49 uploads',
      'cost',
      `mutation { ${repeat(49, (i) => `a${i}: signUploadParts(input: { documentKey: "x", partNumbers: [1] }) { parts { url } }`)} }`,
    ],
    ['a thousand aliases', 'tokens', aliased(1_000)],
    ['a field a thousand times', 'tokens', `{ ${'viewer { organizationId } '.repeat(1_000)} }`],
    ['a field 51 times more', 'aliases', `{ viewer { ${'organizationId '.repeat(52)} } }`],
    [
      'a fragment 51 times more',
      'aliases',
      `{ viewer { ${'...F '.repeat(52)} } } fragment F on Viewer { organizationId }`,
    ],
    ['14 levels', 'depth', nested(14)],
    ['a page of pages', 'cost', wide(1_000, 1_000)],
    [
      'pages of 1,000 beside one another',
      'cost',
      `{ ${repeat(50, (i) => `a${i}: attachments(first: 1000) { nodes { id url size status } }`)} }`,
    ],
    [
      'a hidden page',
      'cost',
      `{ attachments(first: 1000) { ...A } } fragment A on AttachmentConnection { nodes { ...B } } fragment B on Attachment { links(first: 1000) { ...C } } fragment C on AttachmentLinkConnection { edges { node { position } } }`,
    ],
    [
      'a record within pages',
      'cost',
      '{ attachments(first: 1000) { nodes { record { attachments(first: 1000) { nodes { id } } } } } }',
    ],
  ])('with %s passes the limit of %s', (_, passed, query) => expectRefused(query, passed));

  // The parser's stack ends before or after the tokens do, by how far the process has compiled it.
  test('with brackets within brackets passes the limit of depth or of tokens', async () => {
    const { status, errors } = await service.client.graphql(`{ viewer(x: ${'['.repeat(100_000)}`);
    expect(status).toBe(400);
    expect([refusalOf('depth'), refusalOf('tokens')]).toContainEqual(errors?.[0]?.extensions);
  });

  test.each([
    ['50 aliases', aliased(50)],
    ['a field 50 times more', `{ viewer { ${'organizationId '.repeat(51)} } }`],
    ['the most levels', nested(11)],
    [
      'a page of 100 with all there is',
      `{ attachments(first: 100, orderBy: { field: FILE_NAME }) { totalCount pageInfo { hasNextPage endCursor } nodes {
      id fileName contentType size status url downloadUrl(expiresIn: 60) createdAt updatedAt claimedAt expiresAt
      createdBy { id kind name } description { raw html } metadata { type attributes } md5: digest(algorithm: MD5) { hash }
      record { type id field(name: "files") { version links { position state attachment { id fileName } } } }
      links { totalCount nodes { field position state record { type id: recordId } } } rejection { reason message } } } }`,
    ],
    [
      'a page of 1,000',
      '{ attachments(first: 1000) { nodes { id fileName contentType size url createdBy { name } record { type id: recordId } } } }',
    ],
    [
      'pages of 100 in pages of 100',
      wide(100, 100, 'position field record { type id: recordId } attachment { id }'),
    ],
  ])('with %s passes none', async (_, query) => {
    const { errors } = await service.client.graphql(query);
    expect(errors?.filter(({ extensions }) => extensions.code !== 'NOT_FOUND')).toBeUndefined();
  });

  test('is judged by its page sizes, wherever they are written', async () => {
    const query = `query ($first: Int, $inner: Int = 1000) ${wide('$first', '$inner')}`;
    await expectRefused(query, 'cost', { first: 1_000 });
    await expectRefused(query, 'cost', { first: 1_000, inner: 900 });
    for (const variables of [
      { first: 10 },
      { first: 1_000, inner: 10 },
      { first: 1_000, inner: null },
      { first: null },
      {},
    ]) {
      expect((await service.client.graphql(query, variables)).errors).toBeUndefined();
    }
    await expectRefused(query, 'cost', { first: 1_000 });
    // Judged once, a document must not be taken for good.
    await expectRefused(query, 'cost', { first: 1_000 });
    const names = `query Small { viewer { organizationId } } query Large ${wide(1_000, 1_000)}`;
    const ask = async (operationName: string) => {
      const response = await fetch(`${service.url}/graphql`, {
        method: 'POST',
        headers: { ...service.client.headers, 'content-type': 'application/json' },
        body: JSON.stringify({ query: names, operationName }),
      });
      return response.status;
    };
    expect([await ask('Small'), await ask('Large'), await ask('Small')]).toEqual([200, 400, 200]);
  });

  test('is judged by its rows where a list takes no page size', async () => {
    await using strict = await startService({ MAX_QUERY_COST: '300' });
    for (let index = 0; index < 20; index += 1) {
      await strict.client.upload(
        { content: `${index}` },
        { record: { type: 'Page', id: '1' }, field: 'files' },
      );
    }
    const one = '{ record(type: "Page", id: "1") { field(name: "files") { links { position } } } }';
    expect((await strict.client.graphql(one)).errors).toBeUndefined();
    const two =
      '{ record(type: "Page", id: "1") { field(name: "files") { links { attachment { record { field(name: "files") { links { position } } } } } } } }';
    const { errors } = await strict.client.graphql(two);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'QUERY_TOO_COMPLEX', limit: 300 });
  });

  test.each(['GET', 'multipart'])('sent by %s is judged alike, and nothing is stored for it', async (way) => {
    const before = await storedFiles(service.dataDirectory);
    const headers = { ...service.client.headers, 'apollo-require-preflight': 'true' };
    const parameters = new URLSearchParams({
      query: `query ($n: Int) ${wide('$n', 1_000)}`,
      variables: '{"n":1000}',
    });
    const variables = Array.from({ length: 10 }, (_, index) => `f${index}`);
    const { query, ...operation } = operationsOf(
      variables,
      ...variables.map((name) => createField(name, name)),
    );
    const costly = query.replace(/\}$/, `${repeat(41, (index) => createField(`x${index}`, 'f0'))} }`);
    const { status, body } =
      way === 'GET'
        ? await fetch(`${service.url}/graphql?${parameters}`, { headers }).then(async (answer) => ({
            status: answer.status,
            body: (await answer.json()) as { errors: unknown[] },
          }))
        : await service.client
            .multipart({ query: costly, ...operation }, [{ content: 'x' }], { 0: ['variables.f0'] })
            .then(({ status, errors }) => ({ status, body: { errors: errors ?? [] } }));
    expect(status).toBe(400);
    expect(body.errors).toMatchObject([{ extensions: refusalOf(way === 'GET' ? 'cost' : 'aliases') }]);
    expect(await storedFiles(service.dataDirectory)).toEqual(before);
  });

  test('thousands of aliases cost little more than the forty that are allowed, client and all', async () => {
    const cpuMs = async (work: () => Promise<unknown>) => {
      const start = process.cpuUsage();
      for (let index = 0; index < 4; index += 1) await work();
      return process.cpuUsage(start).user / 4_000;
    };
    const [refused, allowed]: [number[], number[]] = [[], []];
    // In turn, and the least of each: what else runs on the machine costs both.
    for (let round = 0; round < 8; round += 1) {
      refused.push(await cpuMs(() => expectRefused(`${aliased(5_000)} #${round}`, 'tokens')));
      allowed.push(await cpuMs(() => service.client.ask(`${aliased(40)} #${round}`)));
    }
    const [most, least] = [Math.min(...refused), Math.min(...allowed)];
    report(`5,000 aliases refused: ${most.toFixed(1)} ms; 40 answered: ${least.toFixed(1)} ms`);
    expect(most / least).toBeLessThan(5);
  });

  test('that asks for the schema passes, as Sandbox and code generators do; one that digs in it does not', async () => {
    for (const options of [
      {},
      { descriptions: true, inputValueDeprecation: true, oneOf: true, specifiedByUrl: true },
    ]) {
      const data = await service.client.ask<Parameters<typeof buildClientSchema>[0]>(
        getIntrospectionQuery(options),
      );
      expect(printSchema(buildClientSchema(data))).toContain('createAttachment');
    }
    const digging = `{ __schema { types { ${'fields { type { '.repeat(4)} name ${'} }'.repeat(4)} } } }`;
    expect((await service.client.graphql(digging)).errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
  });

  test('batches are refused', async () => {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { ...service.client.headers, 'content-type': 'application/json' },
      body: JSON.stringify([{ query: '{ viewer { organizationId } }' }]),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
  });

  test('is bounded by the settings', async () => {
    await using strict = await startService({
      MAX_QUERY_TOKENS: '30',
      MAX_QUERY_DEPTH: '2',
      MAX_QUERY_ALIASES: '0',
      MAX_QUERY_COST: '10',
    });
    const reader = await newClient(strict);
    const passedBy = async (query: string) => (await reader.graphql(query)).errors?.[0]?.extensions;
    expect(await passedBy('{ viewer { organizationId } }')).toBeUndefined();
    expect(await passedBy('{ a: viewer { organizationId } }')).toMatchObject({ limit: 0 });
    expect(await passedBy('{ viewer { principal { id } } }')).toMatchObject({ limit: 2 });
    expect(await passedBy('{ attachments(first: 10) { totalCount } }')).toMatchObject({ limit: 10 });
    expect(await passedBy(`{ ${'viewer '.repeat(30)} }`)).toMatchObject({ limit: 30 });
  });
});
