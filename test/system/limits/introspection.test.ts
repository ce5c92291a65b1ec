import { execute, getIntrospectionQuery, getOperationAST, type IntrospectionOptions, parse } from 'graphql';
import { costOf } from '../../../src/graphql/cost/operation-cost.js';
import { introspectionLimits } from '../../../src/graphql/cost/query-limits.js';
import { createSchema } from '../../../src/graphql/schema.js';
import { Client } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';

const repeat = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');

/** Fields of the types of fields, each level multiplied by aliases, down to names of types. */
const multiplied = `{ __schema { types { ${repeat(6, (i) => `a${i}: fields { ...G }`)} } } }
  fragment G on __Field { type { ofType { ...F } } }
  fragment F on __Type { ${repeat(7, (i) => `b${i}: fields { ...N }`)} }
  fragment N on __Field { ${repeat(200, (i) => `c${i}: __typename`)} }`;

/** Introspection as graphql-js, GraphiQL, Altair, Apollo Sandbox, code generators and Relay send it. */
const everything: IntrospectionOptions = {
  descriptions: true,
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
};
const usual: [string, string][] = [
  ['graphql-js by default', getIntrospectionQuery()],
  ['graphql-js with all options', getIntrospectionQuery(everything)],
  ['without descriptions', getIntrospectionQuery({ ...everything, descriptions: false })],
  [
    'Federation',
    '{ __schema { types { name kind } queryType { name fields { name args { name } } } } __typename }',
  ],
  [
    'one type',
    '{ __type(name: "Attachment") { name description fields { name description type { name kind ofType { name kind } } } } }',
  ],
];

describe('without a credential', () => {
  let service: TestService;
  let anybody: Client;
  beforeAll(async () => {
    service = await startService();
    anybody = new Client(service.url, null);
  });
  afterAll(() => service.close());

  test.each(usual)('%s learns the schema', async (_, query) => {
    const { status, errors, data } = await anybody.graphql(query);
    expect({ status, errors }).toEqual({ status: 200, errors: undefined });
    expect(JSON.stringify(data)).toContain('name');
  });

  test.each<[string, string, string]>([
    ['fields of fields by aliases', multiplied, 'too_many_aliases'],
    ['aliases of __typename', `{ ${repeat(51, (i) => `a${i}: __typename`)} }`, 'too_many_aliases'],
    [
      'the same again and again',
      `{ ${repeat(49, (i) => `a${i}: __schema { types { fields { name description } } }`)} }`,
      'too_costly',
    ],
    [
      'levels',
      `{ __schema { queryType { ${'ofType { '.repeat(20)} name ${'} '.repeat(20)} } } }`,
      'too_deep',
    ],
  ])('%s is refused before it is executed', async (_, query, type) => {
    const { status, errors, data } = await anybody.graphql(query);
    expect({ status, data, extensions: errors?.[0]?.extensions }).toMatchObject({
      status: 400,
      extensions: {
        code: 'QUERY_TOO_COMPLEX',
        limit: expect.any(Number),
        details: [{ loc: ['query'], type }],
      },
    });
  });

  test('fragments that double at each level are refused', async () => {
    const levels = repeat(
      60,
      (i) => `fragment A${i} on __Type { ...A${i + 1} ...B${i + 1} }
      fragment B${i} on __Type { ...A${i + 1} ...B${i + 1} }`,
    );
    const query = `{ __schema { types { ...A0 } } } ${levels}
      fragment A60 on __Type { name } fragment B60 on __Type { kind }`;
    expect((await anybody.graphql(query)).status).toBe(400);
  });
});

/** Members and items of an answer. */
function countValues(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const parts = Object.values(value);
  const isLeafList = Array.isArray(value) && parts.every((part) => typeof part !== 'object');
  return isLeafList ? 0 : parts.reduce((sum: number, part) => sum + 1 + countValues(part), 0);
}

describe('the cost of an introspection', () => {
  const schema = createSchema();
  const measure = (query: string) => {
    const document = parse(query);
    const operation = getOperationAST(document);
    if (!operation) throw new Error('There is no operation.');
    const { values, bytes } = costOf(schema, document, operation, {});
    const { data } = execute({ schema, document }) as { data: unknown };
    return { values, bytes, true: { values: countValues(data), bytes: JSON.stringify(data).length } };
  };

  test.each(usual)('is that of its answer: %s', (_, query) => {
    const { values, bytes, true: answered } = measure(query);
    expect(values).toBe(answered.values);
    expect(bytes).toBeGreaterThanOrEqual(answered.bytes);
    expect(bytes).toBeLessThan(2.5 * answered.bytes);
  });

  test('leaves room for a schema of twice the size', () => {
    const { values, bytes } = measure(getIntrospectionQuery(everything));
    expect(2.5 * values).toBeLessThan(introspectionLimits.cost);
    expect(2.5 * bytes).toBeLessThan(introspectionLimits.bytes);
  });
});
