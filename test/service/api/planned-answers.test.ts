import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import {
  buildSchema,
  GraphQLBoolean,
  type GraphQLField,
  type GraphQLNamedType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInterfaceType,
  isLeafType,
  isListType,
  isObjectType,
  isRequiredArgument,
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

const pages = ['', '(first: 3)', '(last: 2)', '(first: $first)', '(first: 0)', '(first: 1)', '(last: 1)'];
/** One of so many ways to ask has a fault, which takes much of an answer away. */
const goodOnes = 6;
const mostly = (good: readonly string[], ...bad: string[]) => [
  ...Array.from({ length: goodOnes * bad.length }, (_, at) => good[at % good.length] ?? ''),
  ...bad,
];
const anyPage = mostly(pages, '(first: 2, after: "none")');

/** Arguments of fields, good and bad, beside those that the schema tells. Fields that differ from one answer to the next have none. */
const givenTo: Record<string, readonly string[]> = {
  'Query.attachments': [...pages, '(filter: $filter, orderBy: { field: FILE_NAME, direction: ASC })'],
  'Query.auditLog': mostly(['(first: 0)'], '(first: -1)'),
  'Query.uploadPolicy': mostly(['', '(recordType: "WorkPackage", field: "attachments")'], '(policy: "none")'),
  'Query.webhookDeliveries': ['(attachmentId: $id)', '(attachmentId: $id, first: 1)', '(first: 2)'],
  'Attachment.downloadUrl': ['(expiresIn: 0)'],
  'Attachment.preview': ['(size: 1)'],
  'AttachmentVersion.downloadUrl': ['(expiresIn: 0)'],
  'HostRecord.archiveUrl': [],
  'HostRecord.field': mostly(['', '(name: "attachments")', '(name: "pictures")'], '(name: "")'),
  'ApiKey.lastUsedAt': [],
  'Attachment.receipt': [],
};

/** Values of arguments that must be given. */
const valuesOf: Record<string, readonly string[]> = {
  ID: ['$id', '$id', '$id', '"none"'],
  String: ['"WorkPackage"', '"none"'],
  RecordInput: ['{ type: "WorkPackage", id: "1" }', '{ type: "WorkPackage", id: "none" }'],
};

/** Ways to give the arguments of a field: the table's, pages of a list, or a value for each that must be there. */
function waysToAsk({ name, args }: GraphQLField<unknown, unknown>, of: string): readonly string[] {
  const known = givenTo[`${of}.${name}`];
  if (known) return known;
  const needed = args.filter(isRequiredArgument).map(({ name, type }) => {
    const values = valuesOf[getNamedType(type).name] ?? [];
    const isList = isListType(getNullableType(type));
    return { name, values: isList ? values.map((value) => `[${values[0]}, ${value}]`) : values };
  });
  if (needed.length === 0 && args.some((each) => each.name === 'first')) return anyPage;
  const optional = args.flatMap(({ name, type }) => {
    const inner = getNamedType(type);
    const values = isEnumType(inner) ? inner.getValues() : [];
    const texts = inner === GraphQLBoolean ? ['$yes'] : values.map((value) => value.name);
    return texts.map((text) => `(${name}: ${isListType(getNullableType(type)) ? `[${text}]` : text})`);
  });
  if (needed.length === 0) return ['', ...optional];
  const most = Math.max(...needed.map(({ values }) => values.length));
  return Array.from({ length: most }, (_, at) => {
    const given = needed.map(({ name, values }) => `${name}: ${values[at % values.length]}`);
    return `(${given.join(', ')})`;
  });
}

const conditions = ['', '', '', '', '', '@skip(if: $yes)', '@include(if: $yes)', '@skip(if: $no)'];

function selections(type: GraphQLNamedType, depth: number): fc.Arbitrary<string> {
  if (!isObjectType(type) && !isInterfaceType(type)) return fc.constant('');
  const fields = Object.values(type.getFields()).flatMap((field) => {
    const { name } = field;
    const inner = getNamedType(field.type);
    const given = waysToAsk(field, type.name);
    if (given.length === 0 || (depth === 0 && !isLeafType(inner))) return [];
    return [
      fc
        .tuple(
          // An operation may have 50 aliases.
          fc.constantFrom(...Array<string>(9).fill(''), `${name}1`, `${name}2`),
          fc.constantFrom(...given),
          fc.constantFrom(...conditions),
          selections(inner, depth - 1),
        )
        .map(([alias, args, when, selected]) => ({
          key: alias || name,
          text: `${alias && `${alias}: `}${name}${args} ${when} ${selected}`,
        })),
    ];
  });
  const own = fc.constant({ key: '__typename', text: '__typename' });
  const fragments =
    type.name === 'Node' ? [selections(schema.getType('Attachment') as GraphQLNamedType, depth)] : [];
  const choices = [
    own,
    ...fields,
    ...fields,
    ...fragments.map((one) => one.map((text) => ({ key: '...', text: `... on Attachment ${text}` }))),
  ];
  return fc
    .uniqueArray(fc.oneof(...choices), {
      minLength: 1,
      maxLength: 6,
      size: 'max',
      selector: ({ key }) => key,
    })
    .map((some) => `{ ${some.map(({ text }) => text).join(' ')} }`);
}

async function send(accept: string, body: object) {
  const response = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { ...service.client.headers, accept, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { data, errors = [] } = (await response.json()) as { data: unknown; errors?: PathError[] };
  return { status: response.status, data, errors: errors.map((error) => JSON.stringify(error)).sort() };
}

type Sent = Awaited<ReturnType<typeof send>>;

interface PathError {
  path?: (string | number)[];
}

/** Errors by the place in the data that each has made null. Those of fields below that place may or may not be told, as the time falls. */
function errorsByPlace({ data, errors }: Sent): Map<string, { isBelow: boolean; texts: string[] }> {
  const places = new Map<string, { isBelow: boolean; texts: string[] }>();
  for (const text of errors) {
    const { path = [] } = JSON.parse(text) as PathError;
    const steps: (string | number)[] = [];
    for (let at = data; steps.length < path.length && at != null; ) {
      const step = path[steps.length] ?? '';
      steps.push(step);
      at = (at as Record<string, unknown>)[step];
    }
    const key = steps.join('.');
    const place = places.get(key) ?? { isBelow: false, texts: [] };
    place.isBelow ||= steps.length < path.length;
    place.texts.push(text);
    places.set(key, place);
  }
  return places;
}

function expectAlike(sent: Sent, expected: Sent): void {
  expect([sent.status, sent.data]).toEqual([expected.status, expected.data]);
  const [places, others] = [errorsByPlace(sent), errorsByPlace(expected)];
  expect([...places.keys()].sort()).toEqual([...others.keys()].sort());
  for (const [place, { isBelow, texts }] of places) {
    const other = others.get(place);
    // One of several errors has made it null, and each of the two may have met another one first.
    if (!isBelow && !other?.isBelow) expect(texts).toEqual(other?.texts);
  }
}

const definitions = {
  id: 'ID!',
  first: 'Int = 4',
  filter: 'AttachmentFilter',
  yes: 'Boolean!',
  no: 'Boolean! = false',
};

/** Values that all fit. */
const goodVariables = fc.record({
  id: fc.constantFrom('', '', '', 'none'),
  first: fc.constantFrom(2, 3, 20, null),
  filter: fc.constantFrom({}, null, { fileNameContains: '1' }),
  yes: fc.constant<boolean | null>(true),
  no: fc.boolean(),
});

/** Some that do not, for which a query is refused as a whole. */
const badVariables = fc.record(
  {
    id: fc.constantFrom('', null),
    first: fc.constantFrom(5_000, 'two'),
    filter: fc.constantFrom({ size: 1 }, 'none'),
    yes: fc.constantFrom(true, null),
    no: fc.boolean(),
  },
  { requiredKeys: ['id', 'yes'] },
);
const variablesOf = fc.oneof(
  { weight: 15, arbitrary: goodVariables },
  { weight: 1, arbitrary: badVariables },
);

test('queries have the answer that graphql-js gives, whatever they ask for', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 100_000);
  const counts = { answers: 0, errors: 0, refused: 0, data: 0 };
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
    expectAlike(await send(accept, body), expected);
    expectAlike(await send(accept, body), expected);
    if (expected.errors.length > 0) counts.errors += 1;
    if (expected.status !== 200) counts.refused += 1;
    if (expected.data) counts.data += 1;
  });
  await fc.assert(property, { numRuns: 150, seed, includeErrorInReport: true });
  report(`queries by plan and by graphql-js, seed ${seed}: ${JSON.stringify(counts)}`);
  expect(counts.errors - counts.refused).toBeGreaterThan(3);
  expect(counts.answers - counts.errors).toBeGreaterThan(3);
  expect(counts.answers - counts.refused).toBeGreaterThanOrEqual(counts.answers * 0.8);
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
