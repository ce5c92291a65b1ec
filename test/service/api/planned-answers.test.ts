import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import {
  buildSchema,
  type GraphQLNamedType,
  getNamedType,
  isInterfaceType,
  isLeafType,
  isObjectType,
} from 'graphql';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';

const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));

let service: TestService;
let attachmentId: string;
beforeAll(async () => {
  service = await startService();
  const record = { type: 'WorkPackage', id: '1' };
  for (let index = 0; index < 25; index += 1) {
    const input = index % 3 === 0 ? { record, field: 'attachments' } : { description: `**${index}**` };
    const { id } = await service.client.upload({ content: `file ${index}`, name: `${index}.txt` }, input);
    attachmentId = id;
  }
});
afterAll(() => service.close());

const pages = [
  '',
  '(first: 3)',
  '(first: $first)',
  '(first: 0)',
  '(first: 5000)',
  '(first: 2, after: "none")',
];

/** Arguments of fields, good and bad. Fields that differ from one answer to the next have none. */
const givenTo: Record<string, readonly string[]> = {
  'Query.attachment': ['(id: $id)', '(id: "none")'],
  'Query.node': ['(id: $id)', '(id: "none")'],
  'Query.attachments': [...pages, '(filter: $filter, orderBy: { field: FILE_NAME, direction: ASC })'],
  'Query.apiKeys': pages,
  'Query.auditLog': ['(first: 0)', '(first: -1)'],
  'Query.record': ['(type: "WorkPackage", id: 1)', '(type: "", id: "")'],
  'Query.uploadPolicy': ['', '(policy: "none")', '(recordType: "WorkPackage", field: "attachments")'],
  'Query.webhookDeliveries': ['(attachmentId: $id)', '(attachmentId: "none", first: 1)'],
  'Attachment.digest': ['', '(algorithm: MD5)'],
  'Attachment.downloadUrl': ['(expiresIn: 0)'],
  'Attachment.links': pages,
  'Record.attachments': [...pages, '(status: [PENDING, APPROVED])'],
  'Record.field': ['', '(name: "attachments")', '(name: "pictures")', '(name: "")'],
  'RecordField.links': ['', '(includePending: $yes)'],
  'ApiKey.lastUsedAt': [],
};
const conditions = ['', '', '', '', '', '@skip(if: $yes)', '@include(if: $yes)', '@skip(if: $no)'];

function selections(type: GraphQLNamedType, depth: number): fc.Arbitrary<string> {
  if (!isObjectType(type) && !isInterfaceType(type)) return fc.constant('');
  const fields = Object.values(type.getFields()).flatMap(({ name, type: of }) => {
    const inner = getNamedType(of);
    const given = givenTo[`${type.name}.${name}`] ?? [''];
    if (given.length === 0 || (depth === 0 && !isLeafType(inner))) return [];
    return [
      fc
        .tuple(
          fc.nat(),
          fc.constantFrom(...given),
          fc.constantFrom(...conditions),
          selections(inner, depth - 1),
        )
        .map(([number, args, when, selected]) => `a${number}: ${name}${args} ${when} ${selected}`),
    ];
  });
  const own = fc.constant('__typename');
  const fragments =
    type.name === 'Node' ? [selections(schema.getType('Attachment') as GraphQLNamedType, depth)] : [];
  const choices = [
    own,
    ...fields,
    ...fields,
    ...fragments.map((one) => one.map((text) => `... on Attachment ${text}`)),
  ];
  return fc
    .array(fc.oneof(...choices), { minLength: 1, maxLength: 6, size: 'max' })
    .map((some) => `{ ${some.join(' ')} }`);
}

async function send(accept: string, body: object) {
  const response = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { ...service.client.headers, accept, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { data, errors = [] } = (await response.json()) as { data: unknown; errors?: object[] };
  return { status: response.status, data, errors: errors.map((error) => JSON.stringify(error)).sort() };
}

const definitions = {
  id: 'ID!',
  first: 'Int = 4',
  filter: 'AttachmentFilter',
  yes: 'Boolean!',
  no: 'Boolean! = false',
};

const variablesOf = fc.record(
  {
    id: fc.constantFrom('', '', '', 'none', null),
    first: fc.constantFrom(2, 3, 20, 101, null, 'two'),
    filter: fc.constantFrom({}, null, { fileNameContains: '1' }, { size: 1 }),
    yes: fc.constantFrom(...Array<boolean>(9).fill(true), null),
    no: fc.boolean(),
  },
  { requiredKeys: ['id', 'yes'] },
);

test('queries have the answer that graphql-js gives, whatever they ask for', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 100_000);
  const counts = { answers: 0, errors: 0, refused: 0 };
  const query = schema.getQueryType() as GraphQLNamedType;
  const property = fc.asyncProperty(selections(query, 5), variablesOf, async (selected, given) => {
    const used = Object.entries(definitions).filter(([name]) => selected.includes(`$${name}`));
    const defined = used.map(([name, definition]) => `$${name}: ${definition}`).join(', ');
    const body = {
      query: `query ${defined === '' ? '' : `(${defined})`} ${selected}`,
      variables: { ...given, id: given.id === '' ? attachmentId : given.id },
    };
    counts.answers += 1;
    // Apollo Server executes the first operation with a header; what follows is executed by its plan.
    const accept = `application/json, text/x-${counts.answers}`;
    const expected = await send(accept, body);
    expect(await send(accept, body)).toEqual(expected);
    expect(await send(accept, body)).toEqual(expected);
    if (expected.errors.length > 0) counts.errors += 1;
    if (expected.status !== 200) counts.refused += 1;
  });
  await fc.assert(property, { numRuns: 150, seed, includeErrorInReport: true });
  report(`queries by plan and by graphql-js, seed ${seed}: ${JSON.stringify(counts)}`);
  expect(counts.errors - counts.refused).toBeGreaterThan(3);
  expect(counts.answers - counts.errors).toBeGreaterThan(3);
});

test('a condition that is null is the fault of whoever gives it, and of nobody after', async () => {
  const queries = [
    'query ($v: Boolean = true) { viewer { organizationId @include(if: $v) permissions } }',
    'query ($v: Boolean = false) { viewer { organizationId @skip(if: $v) permissions } }',
    'query ($v: Boolean = true) { viewer @skip(if: $v) { organizationId } __typename }',
  ];
  const accept = 'application/json, text/x-conditions';
  await send(accept, { query: '{ __typename }' });
  for (const [index, query] of queries.entries()) {
    for (const [turn, v] of [null, false, null, true, undefined].entries()) {
      const body = { query, variables: { v } };
      const expected = await send(`application/json, text/x-condition-${index}-${turn}`, body);
      expect(await send(accept, body)).toEqual(expected);
      expect([expected.status, expected.errors.length]).toEqual([200, v === null ? 1 : 0]);
    }
  }
});
