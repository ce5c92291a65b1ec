import { readFileSync } from 'node:fs';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { fetchExchange, Client as UrqlClient } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { buildSchema, isObjectType } from 'graphql';
import { SignJWT } from 'jose';
import { Client } from '../../support/client.js';
import { readPage, sectionOf } from '../../support/doc-page.js';
import { startService, type TestService } from '../../support/service.js';

const secret = 'a secret of thirty-two characters';
const refs = [
  { type: 'Invoice', id: '7' },
  { type: 'Person', id: '7' },
  { type: 'Person', id: '8' },
];

/** The same objects by every way that leads to them, so that a cache merges what it takes for one. */
const queries = [
  `query Page { attachments { nodes { id fileName record { id type recordId } createdBy { id kind name }
    links { nodes { id field position record { id type } } } } } }`,
  `query Records { records(refs: [{ type: "Invoice", id: "7" }, { type: "Person", id: "7" }, { type: "Person", id: "8" }]) {
    id type recordId attachments { nodes { id fileName } }
    field(name: "files") { id name version record { id recordId } links { id position attachment { id fileName } } } fields { id name } } }`,
  `query Two { invoice: record(type: "Invoice", id: "7") { id type attachments { nodes { id fileName } } }
    person: record(type: "Person", id: "7") { id type attachments { nodes { id fileName } } } }`,
  'query Own { viewer { principal { id kind name } } }',
];

let service: TestService;
let user: Client;
beforeAll(async () => {
  service = await startService({ JWT_SECRET: secret });
  const [viewer] = [
    await service.client.ask<{ viewer: { organizationId: string } }>('{ viewer { organizationId } }'),
  ];
  // A user may be called as a record is.
  const token = await new SignJWT({
    org: viewer.viewer.organizationId,
    permissions: ['attachments:read', 'attachments:write'],
    name: 'Seven',
  })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('7')
    .setExpirationTime('1h')
    .sign(Buffer.from(secret));
  user = new Client(service.url, token);
  for (const [index, record] of refs.entries())
    for (const field of ['files', 'more'])
      await (index === 0 ? user : service.client).upload(
        { content: `${record.type} ${field}`, name: `${record.type}-${record.id}-${field}.txt` },
        { record, field },
      );
});
afterAll(() => service.close());

type Ask = (query: string, isCached: boolean) => Promise<unknown>;

function askWithApollo(): Ask {
  const link = new HttpLink({ uri: `${service.url}/graphql`, headers: user.headers });
  const client = new ApolloClient({ cache: new InMemoryCache(), link });
  return async (query, isCached) =>
    (await client.query({ query: gql(query), fetchPolicy: isCached ? 'cache-only' : 'network-only' })).data;
}

function askWithGraphcache(): Ask {
  const client = new UrqlClient({
    url: `${service.url}/graphql`,
    exchanges: [cacheExchange({}), fetchExchange],
    fetchOptions: { headers: user.headers },
    preferGetMethod: false,
  });
  return async (query, isCached) => {
    const { data, error } = await client.query(
      query,
      {},
      { requestPolicy: isCached ? 'cache-only' : 'network-only' },
    );
    if (error) throw error;
    return data;
  };
}

const withoutTypenames = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value ?? null, (key, member: unknown) => (key === '__typename' ? undefined : member)),
  );

test.each([
  ['Apollo Client', askWithApollo],
  ['Graphcache', askWithGraphcache],
])('the cache of %s, without settings, shows each record its own files', async (_, connect) => {
  const ask = connect();
  const expected: object[] = [];
  for (const query of queries) expected.push(await user.ask<object>(query));
  for (const query of queries) await ask(query, false);
  for (const [index, query] of queries.entries())
    expect(withoutTypenames(await ask(query, true))).toEqual(expected[index]);
  const [, records] = expected as [
    object,
    { records: { type: string; attachments: { nodes: { fileName: string }[] } }[] },
  ];
  expect(
    records.records.map(({ type, attachments }) => [type, attachments.nodes.map(({ fileName }) => fileName)]),
  ).toEqual(refs.map(({ type, id }) => [type, [`${type}-${id}-more.txt`, `${type}-${id}-files.txt`]]));
});

test('no id belongs to objects of two types, as caches expect that know objects by their id alone', async () => {
  const typesById = new Map<string, Set<string>>();
  const note = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { id, __typename: type } = value as { id?: string; __typename?: string };
    if (id !== undefined && type !== undefined) typesById.set(id, (typesById.get(id) ?? new Set()).add(type));
    for (const member of Object.values(value)) note(member);
  };
  for (const query of queries) note(await user.ask(query.replaceAll(/\bid\b(?!:)/g, 'id __typename')));
  const types = [...typesById.values()];
  expect(new Set(types.flatMap((one) => [...one]))).toEqual(
    new Set(['Attachment', 'HostRecord', 'RecordField', 'AttachmentLink', 'Principal']),
  );
  expect(types.filter(({ size }) => size > 1)).toEqual([]);
});

describe('docs/clients.md tells caches of', () => {
  const section = sectionOf(readPage('docs/clients.md'), 'Normalizing caches');
  const objectTypes = Object.values(buildSchema(readFileSync('schema.graphql', 'utf8')).getTypeMap()).filter(
    (type) => isObjectType(type) && !type.name.startsWith('__'),
  );

  test('the types with an id that are no nodes', () => {
    const others = objectTypes.filter(
      (type) => isObjectType(type) && type.getFields()['id'] && type.getInterfaces().length === 0,
    );
    const named = /is a node that `node\(id\)` finds, but for (.+?)\./.exec(section)?.[1];
    expect(named).toBe(
      others
        .toReversed()
        .map(({ name }) => `\`${name}\``)
        .join(' and '),
    );
  });

  const listed = /withoutId = `([^`]+)`/.exec(section)?.[1]?.split(/\s+/) ?? [];

  test('the types without an id, but for those that caches know by their names', () => {
    const known = /(Connection|Edge|Payload)$|^(PageInfo|Query|Mutation|Subscription)$/;
    const without = objectTypes.filter((type) => isObjectType(type) && !type.getFields()['id']);
    expect(listed).toEqual(without.map(({ name }) => name).filter((name) => !known.test(name)));
  });

  test.each([
    ['discards what another query asked of them', {}, null],
    [
      'keeps it by `{ merge: true }`',
      { Viewer: { merge: true } },
      { permissions: ['attachments:read', 'attachments:write'] },
    ],
  ])('Apollo Client, which %s', async (_, typePolicies, viewer) => {
    const link = new HttpLink({ uri: `${service.url}/graphql`, headers: user.headers });
    const cache = new InMemoryCache({ typePolicies });
    const client = new ApolloClient({ cache, link });
    const first = gql('{ viewer { permissions } }');
    await client.query({ query: first });
    await client.query({ query: gql('{ viewer { organizationId } }') });
    expect(withoutTypenames(cache.readQuery({ query: first }))).toEqual(viewer && { viewer });
  });

  test.each([
    // First, since Graphcache gives each warning once.
    ['is silent with keys', Object.fromEntries(listed.map((type) => [type, () => null])), []],
    ['warns of them without keys', {}, expect.arrayContaining([expect.stringContaining('Invalid key')])],
  ])('Graphcache, which %s', async (_, keys, expected) => {
    const warned: string[] = [];
    const logger = (severity: string, text: string) => void (severity === 'warn' && warned.push(text));
    const client = new UrqlClient({
      url: `${service.url}/graphql`,
      exchanges: [cacheExchange({ keys, logger }), fetchExchange],
      fetchOptions: { headers: user.headers },
      preferGetMethod: false,
    });
    const query = `{ viewer { permissions usage { bytes } } uploadPolicy { name acceptedTypes { contentType } }
      errorCodes { code } attachments(first: 1) { totalCount nodes { id digest { hash } versions { nodes { version } } } } }`;
    const { data, error } = await client.query(query, {});
    expect({ error, hasData: data !== undefined }).toEqual({ error: undefined, hasData: true });
    expect(warned).toEqual(expected);
  });
});
