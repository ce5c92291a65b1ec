import { readFile } from 'node:fs/promises';
import { buildSchema, getIntrospectionQuery, isEnumType, isNonNullType } from 'graphql';
import { errorTable } from '../../../src/errors.js';
import { printSorted, printSubgraph } from '../../../src/graphql/print-schema.js';
import { createSchema } from '../../../src/graphql/schema.js';
import { Client } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';

describe('the schema', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  test.each([
    ['schema.graphql', printSorted],
    ['schema.subgraph.graphql', printSubgraph],
  ])('in %s is what the code says (npm run schema writes it)', async (path, print) => {
    expect(await readFile(path, 'utf8')).toBe(print(createSchema()));
  });

  test('stands by itself, with @oneOf content', async () => {
    const text = await readFile('schema.graphql', 'utf8');
    expect(text).toContain('input AttachmentContentInput @oneOf {');
    expect(() => buildSchema(text)).not.toThrow();
  });

  test('has no description that ends or begins a comment, as generators write them into code', async () => {
    const client = new Client(service.url, null);
    const { __schema } = await client.ask<{ __schema: object }>(getIntrospectionQuery());
    const descriptions = [...JSON.stringify(__schema).matchAll(/"description":("(?:\\.|[^"])*")/g)];
    const texts = descriptions.map(([, text = '']) => JSON.parse(text) as string);
    expect(texts.length).toBeGreaterThan(500);
    expect(texts.filter((text) => /\*\/|\/\*/.test(text))).toEqual([]);
  });

  test('has a nullable result for every mutation, so that each fails alone', async () => {
    const mutations = buildSchema(await readFile('schema.graphql', 'utf8')).getMutationType();
    const fields = Object.values(mutations?.getFields() ?? {});
    expect(fields.length).toBeGreaterThan(10);
    expect(fields.filter(({ type }) => isNonNullType(type))).toEqual([]);
  });

  test('has every error code with its status, and whether a retry may help', async () => {
    const { errorCodes } = await service.client.ask<{
      errorCodes: { code: string; httpStatus: number; message: string; retryable: boolean }[];
    }>('{ errorCodes { code httpStatus message retryable } }');
    expect(errorCodes.map(({ code, httpStatus: status, message }) => [code, { status, message }])).toEqual(
      Object.entries(errorTable).map(([code, { status, message }]) => [code, { status, message }]),
    );
    expect(errorCodes.flatMap(({ code, retryable }) => (retryable ? code : [])).toSorted()).toEqual(
      'AUTHORIZER_UNAVAILABLE INTERNAL_SERVER_ERROR NOT_APPROVED RATE_LIMITED STORAGE_UNAVAILABLE UPLOAD_NOT_FINISHED'.split(
        ' ',
      ),
    );
    const type = buildSchema(await readFile('schema.graphql', 'utf8')).getType('AttachmentErrorCode');
    expect(
      isEnumType(type) &&
        type
          .getValues()
          .map(({ name }) => name)
          .toSorted(),
    ).toEqual(Object.keys(errorTable).toSorted());
  });

  test('can be introspected without a credential, as code generators do', async () => {
    const anonymous = new Client(service.url, null);
    const { __type } = await anonymous.ask<{ __type: { isOneOf: boolean; inputFields: { name: string }[] } }>(
      '{ __type(name: "AttachmentContentInput") { isOneOf inputFields { name } } }',
    );
    expect(__type.isOneOf).toBe(true);
    expect(__type.inputFields.map(({ name }) => name)).toContain('upload');
  });

  test('names a permission for every root field: nothing answers without a credential', async () => {
    const anonymous = new Client(service.url, null);
    const { __schema } = await anonymous.ask<{
      __schema: Record<
        'queryType' | 'mutationType',
        { fields: { name: string; args: Argument[]; type: Type }[] }
      >;
    }>(introspection);
    const kinds = [
      ['query', __schema.queryType.fields] as const,
      ['mutation', __schema.mutationType.fields] as const,
    ];
    let asked = 0;
    for (const [kind, fields] of kinds) {
      for (const field of fields) {
        const query = smallestOperation(kind, field);
        const answer = query.includes('$file')
          ? await anonymous.multipart({ query, variables: { file: null } }, [{ content: 'x' }], {
              0: ['variables.file'],
            })
          : await anonymous.graphql(query);
        expect({
          field: field.name,
          status: answer.status,
          code: answer.errors?.[0]?.extensions.code,
        }).toEqual({
          field: field.name,
          status: 401,
          code: 'UNAUTHENTICATED',
        });
        asked += 1;
      }
    }
    expect(asked).toBeGreaterThanOrEqual(9);
  });
});

interface Type {
  kind: string;
  name: string | null;
  ofType: Type | null;
  inputFields?: Argument[] | null;
}
interface Argument {
  name: string;
  defaultValue: string | null;
  type: Type;
}

const typeFields =
  'kind name inputFields { name defaultValue type { kind name ofType { kind name ofType { kind name } } } }';
const argument = `name defaultValue type { ${typeFields} ofType { ${typeFields} } }`;
const introspection = `{ __schema {
  queryType { fields { name args { ${argument} } type { kind name ofType { kind name } } } }
  mutationType { fields { name args { ${argument} } type { kind name ofType { kind name } } } } } }`;

const samples: Record<string, string> = {
  RecordInput: '{type: "T", id: "1"}',
  AttachmentContentInput: '{upload: $file}',
};

function sample(type: Type): string {
  const inner = type.ofType ?? type;
  if (inner.kind === 'LIST') return '[]';
  if (inner.inputFields) {
    const needed = inner.inputFields.filter(
      ({ type, defaultValue }) => type.kind === 'NON_NULL' && defaultValue === null,
    );
    return `{${needed.map((field) => `${field.name}: ${samples[field.type.ofType?.name ?? ''] ?? sample(field.type)}`).join(', ')}}`;
  }
  if (inner.name === 'URL') return '"https://receiver.example"';
  return inner.name?.endsWith('Int') ? '1' : '"x"';
}

/** An operation that needs nothing but leave: every required argument is given, one field is asked for. */
function smallestOperation(kind: string, field: { name: string; args: Argument[] }): string {
  const needed = field.args.filter(
    ({ type, defaultValue }) => type.kind === 'NON_NULL' && defaultValue === null,
  );
  const given = needed.map(({ name, type }) => `${name}: ${sample(type)}`).join(', ');
  const call = `${field.name}${given ? `(${given})` : ''} { __typename }`;
  return given.includes('$file') ? `${kind} ($file: Upload) { ${call} }` : `${kind} { ${call} }`;
}
