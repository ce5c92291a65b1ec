import {
  GraphQLEnumType,
  type GraphQLInputType,
  type GraphQLNamedInputType,
  type GraphQLObjectType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { boundOf } from '../../../src/graphql/input-bounds.js';
import { createSchema } from '../../../src/graphql/schema.js';
import { LiveSocket } from '../../service/live/live-socket.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';

/** An input of the schema, and how to send a value in its place. */
interface Input {
  place: string;
  type: GraphQLInputType;
  loc: string[];
  /** The argument that it is in, and that argument's value around a value of the input. */
  argument: { name: string; type: GraphQLInputType };
  wrap(value: unknown): unknown;
  /** The field of the argument. */
  parent: GraphQLObjectType;
  field: string;
}

const schema = createSchema();
let attachmentId: string;
let service: TestService;
beforeAll(async () => {
  service = await startService();
  attachmentId = (await service.client.upload({ content: 'x', name: 'x.txt' })).id;
});
afterAll(() => service.close());

function allInputs(): Input[] {
  const found: Input[] = [];
  for (const parent of Object.values(schema.getTypeMap()).filter(isObjectType)) {
    if (parent.name.startsWith('__')) continue;
    for (const { name: field, args } of Object.values(parent.getFields())) {
      for (const { name, type } of args) {
        const argument = { name, type };
        const place = `${parent.name}.${field}.${name}`;
        found.push(
          ...inputsWithin({ place, type, loc: [name], argument, wrap: (value) => value, parent, field }),
        );
      }
    }
  }
  return found;
}

/** The input, and those of the input object that it is. */
function inputsWithin(input: Input): Input[] {
  const type = getNamedType(input.type);
  if (!isInputObjectType(type)) return [input];
  const isList = isListType(getNullableType(input.type));
  const members = Object.values(type.getFields()).flatMap((member) => {
    const wrap = (value: unknown) => {
      const object = { ...(type.isOneOf ? {} : sampleObject(type.name)), [member.name]: value };
      return input.wrap(isList ? [object] : object);
    };
    const loc = [...input.loc, ...(isList ? ['0'] : []), member.name];
    return inputsWithin({ ...input, place: `${type.name}.${member.name}`, type: member.type, loc, wrap });
  });
  return isList ? [input, ...members] : members;
}

const samples: Record<string, () => unknown> = {
  AttachmentContentInput: () => ({ base64: 'eA==' }),
  Boolean: () => true,
  DateTime: () => '2030-01-01T00:00:00Z',
  ID: () => attachmentId,
  Int: () => 1,
  JSONObject: () => ({}),
  SafeInt: () => 1,
  String: () => 'x.txt',
  URL: () => 'https://192.0.2.1/',
};

function sample(type: GraphQLInputType): unknown {
  const inner = getNullableType(type);
  return isListType(inner) ? [sampleOne(getNamedType(inner))] : sampleOne(getNamedType(inner));
}

function sampleOne(type: GraphQLNamedInputType): unknown {
  const make = samples[type.name];
  if (make) return make();
  return isEnumType(type) ? type.getValues()[0]?.name : sampleObject(type.name);
}

function sampleObject(name: string): Record<string, unknown> {
  const type = schema.getType(name);
  if (!isInputObjectType(type)) throw new Error(`There is no sample of ${name}.`);
  const needed = Object.values(type.getFields()).filter(({ type: inner }) => isNonNullType(inner));
  const own = name === 'CreateAttachmentInput' ? { fileName: 'x.txt' } : {};
  return { ...own, ...Object.fromEntries(needed.map((field) => [field.name, sample(field.type)])) };
}

/** A path at which an object of a type is found. */
const paths: Record<string, (selection: string) => string> = {
  Attachment: (selection) => `query Q($value: T) { attachment(id: "${attachmentId}") { ${selection} } }`,
  Mutation: (selection) => `mutation Q($value: T) { ${selection} }`,
  Query: (selection) => `query Q($value: T) { ${selection} }`,
  HostRecord: (selection) => `query Q($value: T) { record(type: "T", id: "1") { ${selection} } }`,
  Subscription: (selection) => `subscription Q($value: T) { ${selection} }`,
};

function operationFor({ parent, field, argument }: Input): string {
  const path = paths[parent.name];
  if (!path) throw new Error(`Say in this test where a ${parent.name} is found.`);
  const { args, type: output } = parent.getFields()[field] ?? {};
  const others = args?.filter(({ name, type }) => name !== argument.name && isNonNullType(type));
  const given = (others ?? []).map(({ name, type }) => `${name}: ${JSON.stringify(sample(type))}`);
  const selection = `${field}(${[`${argument.name}: $value`, ...given].join(', ')}) ${isLeafType(getNullableType(output)) ? '' : '{ __typename }'}`;
  return path(selection).replace('$value: T', `$value: ${argument.type}`);
}

interface Refused {
  code: string;
  limit?: number;
  details: { loc: (string | number)[]; type: string }[];
}

/** Undefined for what is taken: a subscription that has heard nothing within this time. */
async function refusalOf(input: Input, value: unknown, withinMs = 5_000): Promise<Refused | undefined> {
  const query = operationFor(input);
  const variables = { value: input.wrap(value) };
  if (input.parent.name !== 'Subscription')
    return (await service.client.graphql(query, variables)).errors?.[0]?.extensions;
  const live = await LiveSocket.acknowledged(service.url, service.key);
  live.say({ type: 'subscribe', id: '1', payload: { query, variables } });
  const heard = await live.hears('next', withinMs).catch(() => undefined);
  live.end();
  const { errors } = (heard?.payload ?? {}) as { errors?: { extensions: Refused }[] };
  return errors?.[0]?.extensions;
}

const isText = (type: GraphQLNamedInputType) => ['String', 'ID', 'URL', 'JSONObject'].includes(type.name);
const isList = ({ type }: Input) => isListType(getNullableType(type));

/** One character too many. */
function tooLong({ place, type }: Input, size: number): unknown {
  const text = 'x'.repeat(size + 1);
  const name = getNamedType(type).name;
  if (name === 'JSONObject') return { text };
  const one = name === 'URL' ? `https://192.0.2.1/${text}` : text;
  return isListType(getNullableType(type)) && place !== '' ? [one] : one;
}

/** Bounds that are not told by BAD_USER_INPUT. */
const otherCodes: Record<string, string> = {
  fileName: 'INVALID_FILE_NAME',
  uri: 'WEBHOOK_URI_NOT_ALLOWED',
};

/** The same for lists, by the place in the schema. */
const otherListCodes: Record<string, string> = {
  'LinkAttachmentsInput.attachmentIds': 'TOO_MANY_ATTACHMENTS',
};

test('the schema leaves no list and no text unbounded: each refuses one too many, with its place and limit', async () => {
  const inputs = allInputs();
  let [lists, texts] = [0, 0];
  for (const input of inputs.filter(isList)) {
    const { items } = boundOf(input.place);
    const one = sampleOne(getNamedType(input.type));
    const refused = await refusalOf(input, Array(items + 1).fill(one));
    expect([input.place, refused?.code, refused?.limit, refused?.details[0]?.loc.join('.')]).toEqual([
      input.place,
      otherListCodes[input.place] ?? 'BAD_USER_INPUT',
      items,
      input.loc.join('.'),
    ]);
    lists += 1;
  }
  const unbounded: string[] = [];
  for (const input of inputs.filter(({ type }) => isText(getNamedType(type)))) {
    const { size } = boundOf(input.place);
    if (size === null) unbounded.push(input.place);
    else {
      const refused = await refusalOf(input, tooLong(input, size));
      const code = otherCodes[input.loc.at(-1) ?? ''] ?? 'BAD_USER_INPUT';
      if (input.place !== 'CreateApiKeyInput.permissions')
        expect([input.place, refused?.code, refused?.limit]).toEqual([input.place, code, size]);
      expect(refused?.details.map(({ loc }) => loc.join('.').startsWith(input.loc.join('.')))).toContain(
        true,
      );
      texts += 1;
    }
  }
  report(`${lists} lists and ${texts} texts of ${inputs.length} inputs refuse one too many`);
  // Content is bounded by MAX_FILE_SIZE. A text that can be no id is null, like an id that never was.
  expect([...new Set(unbounded)]).toEqual([
    'Query.node.id',
    'Query.nodes.ids',
    'AttachmentContentInput.base64',
    'AttachmentContentInput.dataUrl',
  ]);
  expect(inputs.filter(({ type }) => getNamedType(type) instanceof GraphQLEnumType)).not.toHaveLength(0);
});

/** Faults by which an input itself is too much. */
const excess = new Set(['too_many', 'too_long', 'too_large']);

test('each list and each text takes exactly as much as its bound says', async () => {
  attachmentId = (await service.client.upload({ content: 'x', name: 'x.txt' })).id;
  const passed: string[] = [];
  for (const input of allInputs()) {
    const { items, size } = boundOf(input.place);
    const type = getNamedType(input.type);
    const values: unknown[] = [];
    if (isList(input)) values.push(Array(items).fill(sampleOne(type)));
    if (size !== null && ['String', 'ID'].includes(type.name)) values.push(tooLong(input, size - 1));
    for (const value of values) {
      const refused = await refusalOf(input, value, 500);
      const faults =
        refused?.details.filter(({ loc }) => loc.join('.').startsWith(input.loc.join('.'))) ?? [];
      expect([input.place, faults.filter((fault) => excess.has(fault.type))]).toEqual([input.place, []]);
      passed.push(input.place);
    }
  }
  report(`${passed.length} lists and texts at their bounds`);
  expect(passed.length).toBeGreaterThan(50);
});

test('a thousand webhooks of one upload are refused with the limit, and ten are looked at', async () => {
  const create =
    'mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }';
  const inputOf = (count: number) => ({
    input: {
      content: { base64: 'eA==' },
      fileName: 'x.txt',
      webhooks: Array(count).fill(sampleObject('WebhookSubscriptionInput')),
    },
  });
  for (const count of [1_000, 11]) {
    const { errors } = await service.client.graphql(create, inputOf(count));
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      limit: 10,
      details: [{ loc: ['input', 'webhooks'], type: 'too_many' }],
    });
  }
  // Their address is for examples only.
  const { errors } = await service.client.graphql(create, inputOf(10));
  const types = errors?.[0]?.extensions.details.map(({ type }) => type);
  expect(types).toEqual(Array(10).fill('address_not_public'));
});

test.each([
  ['contentType', Array(20_000).fill('text/plain')],
  ['status', Array(24_000).fill('APPROVED')],
])('20,000 and more values of %s cost a refusal and a short line', async (name, values) => {
  const from = service.logLines.length;
  const { errors } = await service.client.graphql(
    'query ($filter: AttachmentFilter) { attachments(filter: $filter) { totalCount } }',
    { filter: { [name]: values } },
  );
  expect(errors?.map(({ extensions }) => [extensions.code, extensions.limit])).toEqual([
    ['BAD_USER_INPUT', 100],
  ]);
  expect(Math.max(...service.logLines.slice(from).map((line) => line.length))).toBeLessThan(1_000);
});

test('several inputs that hold too much are all named', async () => {
  const { errors } = await service.client.graphql(
    'query ($filter: AttachmentFilter, $after: String) { attachments(filter: $filter, after: $after) { totalCount } }',
    {
      filter: { fileNameContains: 'x'.repeat(256), sha256: 'a\0', createdBy: '\ud800' },
      after: 'x'.repeat(2_049),
    },
  );
  expect(errors?.[0]?.extensions.details.map(({ loc, type }) => [loc.join('.'), type]).sort()).toEqual([
    ['after', 'too_long'],
    ['filter.createdBy', 'lone_surrogate'],
    ['filter.fileNameContains', 'too_long'],
    ['filter.sha256', 'nul_character'],
  ]);
});

test.each([
  ['CREATED_AT', 'abc'],
  ['SIZE', ''],
  ['SIZE', 1.5],
  ['FILE_NAME', 7],
  ['FILE_NAME', 'a\0'],
])('a cursor of the order %s whose value is %j is no cursor', async (field, value) => {
  const after = Buffer.from(JSON.stringify([`${field} DESC`, value, 'x'])).toString('base64url');
  const { errors } = await service.client.graphql(
    'query ($order: AttachmentOrder, $after: String) { attachments(orderBy: $order, after: $after) { nodes { id } } }',
    { order: { field }, after },
  );
  expect(errors?.[0]?.extensions).toMatchObject({
    code: 'BAD_USER_INPUT',
    details: [{ type: 'invalid_cursor' }],
  });
});

describe('faults of variables', () => {
  const query = 'query ($filter: AttachmentFilter) { attachments(filter: $filter) { totalCount } }';
  const refuse = async (filter: object) => {
    const from = service.logLines.length;
    const { errors = [], status } = await service.client.graphql(query, { filter });
    expect(status).toBe(400);
    expect(service.logLines.slice(from).join('')).not.toContain('masked error');
    return errors;
  };

  test('are listed up to 50, and the last says so if there are more', async () => {
    const errors = await refuse({ contentType: Array(60).fill(7) });
    expect(errors).toHaveLength(51);
    expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['BAD_USER_INPUT']));
    expect(errors.at(-1)?.extensions).toEqual({
      code: 'BAD_USER_INPUT',
      details: [{ loc: ['variables'], msg: expect.stringContaining('50'), type: 'too_many_faults' }],
      limit: 50,
    });
  });

  test('do not repeat all that was sent', async () => {
    const members = Array.from({ length: 60 }, (_, index) => [`member${index}`, 'x'.repeat(10_000)]);
    const errors = await refuse(Object.fromEntries(members));
    expect(errors.flatMap(({ extensions }) => extensions.details)).toHaveLength(51);
    expect(JSON.stringify(errors).length).toBeLessThan(200_000);
  });

  test('have a code over WebSocket too', async () => {
    const live = await LiveSocket.acknowledged(service.url, service.key);
    const variables = { record: Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`m${i}`, 1])) };
    const payload = {
      query: 'subscription ($record: RecordInput) { attachmentChanged(record: $record) { id } }',
      variables,
    };
    live.say({ type: 'subscribe', id: '1', payload });
    const { errors: told } = (await live.hears('next')).payload as { errors: { extensions: Refused }[] };
    expect(told).toHaveLength(51);
    expect(new Set(told.map(({ extensions }) => extensions.code))).toEqual(new Set(['BAD_USER_INPUT']));
    live.end();
  });
});
