import { composeServices as composeByApollo } from '@apollo/composition';
import { composeServices as composeByGuild } from '@theguild/federation-composition';
import { buildASTSchema, buildSchema, parse, print, validate, visit } from 'graphql';
import { printSubgraph } from '../../../src/graphql/print-schema.js';
import { createSchema } from '../../../src/graphql/schema.js';
import { blocksOf, readPage } from '../../support/doc-page.js';
import { ordersSdl } from '../../support/orders-subgraph.js';
import { report } from '../../support/report.js';

const subgraph = printSubgraph(createSchema());
const composers = [
  ['@apollo/composition', composeByApollo],
  ['@theguild/federation-composition', composeByGuild],
] as const;

type Compose = (typeof composers)[number][1];

function compose(by: Compose, sdl: string, other = ordersSdl) {
  const services = Object.entries({ claimcheck: sdl, orders: other }).map(([name, text]) => ({
    name,
    url: `http://${name}.invalid/graphql`,
    typeDefs: parse(text),
  }));
  const composed = by(services);
  const hints = 'hints' in composed ? (composed.hints ?? []) : [];
  return {
    supergraphSdl: composed.supergraphSdl,
    errors: composed.errors?.map(({ message }) => message),
    hints: hints.map(({ message }) => message),
  };
}

describe.each(composers)('%s', (name, by) => {
  test('composes it with a subgraph whose records and attachments it has', () => {
    const { supergraphSdl, errors, hints } = compose(by, subgraph);
    expect(errors).toBeUndefined();
    const fields = printFields(supergraphSdl ?? '');
    const size = Object.values(fields).flat().length;
    report(`${name}: ${Object.keys(fields).length} object types with ${size} fields; hints: ${hints}`);
    expect(hints).toEqual([]);
    expect(fields).toMatchObject({
      Query: expect.arrayContaining(['attachment', 'order', 'node', 'nodes', 'viewer']),
      Mutation: expect.arrayContaining(['createAttachment']),
      Subscription: ['attachmentChanged'],
      HostRecord: expect.arrayContaining(['attachments', 'field']),
      Viewer: ['name'],
    });
  });

  test('composes it with the subgraph of docs/federation.md, whose query fits the result', () => {
    const [other = '', query = ''] = blocksOf(readPage('docs/federation.md'), 'gql');
    const { supergraphSdl = '', errors } = compose(by, subgraph, other);
    expect(errors).toBeUndefined();
    expect(validate(buildASTSchema(parse(supergraphSdl), { assumeValidSDL: true }), parse(query))).toEqual(
      [],
    );
  });

  test.each([
    ['PageInfo is not shareable', 'type PageInfo @shareable', 'type PageInfo'],
    ['records have no key', '@key(fields: "type recordId")', ''],
    ['attachments have no key', '@key(fields: "id")', ''],
    ['a field of Query is that of another', 'type Query {', 'type Query { viewer: Principal'],
  ])('does not compose it if %s', (_, from, to) => {
    expect(subgraph).toContain(from);
    expect(compose(by, subgraph.replace(from, to)).errors).not.toEqual([]);
    expect(compose(by, subgraph.replace(from, to)).supergraphSdl).toBeUndefined();
  });
});

test('it has every type that its fields lead to, and is the same with the fields of the gateway', () => {
  expect(printSubgraph(createSchema({ federation: true }))).toBe(subgraph);
  const withoutDirectives = visit(parse(subgraph), {
    Directive: () => null,
    SchemaExtension: () => null,
    DirectiveDefinition: () => null,
  });
  const types = Object.keys(buildSchema(print(withoutDirectives)).getTypeMap());
  expect(types).toEqual(expect.arrayContaining(['Upload', 'JSONObject', 'SafeInt', 'AuditEvent']));
  expect(types).not.toEqual(expect.arrayContaining(['Node']));
  expect(types).not.toEqual(expect.arrayContaining(['Viewer']));
});

/** The names of the fields of every type. */
function printFields(sdl: string): Record<string, string[]> {
  const fields: Record<string, string[]> = {};
  visit(parse(sdl), {
    ObjectTypeDefinition: (node) => {
      fields[node.name.value] = node.fields?.map(({ name }) => name.value) ?? [];
    },
  });
  return fields;
}
