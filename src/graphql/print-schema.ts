import {
  type ConstDirectiveNode,
  type DefinitionNode,
  type GraphQLSchema,
  Kind,
  lexicographicSortSchema,
  type ObjectTypeDefinitionNode,
  parse,
  print,
  printSchema,
  type TypeDefinitionNode,
  visit,
} from 'graphql';

const oneOf = 'directive @oneOf on INPUT_OBJECT';

/** The text of a schema in the order of the alphabet. Tools that do not know `@oneOf` by themselves find its definition in it. */
export function printSorted(schema: GraphQLSchema): string {
  return `${oneOf}\n\n${printSchema(lexicographicSortSchema(schema))}\n`;
}

/**
 * Version 2.0 has the directives that are used below, so that old gateways compose it too. Composition does not know `@oneOf`
 * by itself.
 */
const preamble = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: ["@key", "@shareable"])
  ${oneOf}`;

/** The directives of types: the entities by their keys, and the type that other subgraphs usually have as well. */
const typeDirectives: Readonly<Record<string, string>> = {
  Attachment: '@key(fields: "id")',
  HostRecord: '@key(fields: "type recordId")',
  PageInfo: '@shareable',
};

/**
 * Fields of `Query` that the subgraph keeps to itself. The first three are names that other subgraphs have, too: each of them
 * would answer for its own things only, and without `@shareable` in all of them they do not compose. The others are the gateway's.
 */
const unlisted: ReadonlySet<string> = new Set(['node', 'nodes', 'viewer', '_entities', '_service']);

const printed = new WeakMap<GraphQLSchema, string>();

/** The text of a schema as a subgraph of Federation 2. */
export function printSubgraph(schema: GraphQLSchema): string {
  const known = printed.get(schema) ?? makeSubgraph(printSorted(schema));
  printed.set(schema, known);
  return known;
}

function makeSubgraph(text: string): string {
  const definitions = parse(text, { noLocation: true }).definitions.map(withoutUnlisted);
  const kept = reachableTypes(definitions);
  const subgraph = definitions
    .filter((definition) => kept.has(nameOf(definition) ?? ''))
    .map((definition) => withDirectives(definition, kept));
  const all = [...parse(preamble, { noLocation: true }).definitions, ...subgraph];
  return `${print({ kind: Kind.DOCUMENT, definitions: all })}\n`;
}

const isObjectType = (definition: DefinitionNode): definition is ObjectTypeDefinitionNode =>
  definition.kind === Kind.OBJECT_TYPE_DEFINITION;

const nameOf = (definition: DefinitionNode) => ('name' in definition ? definition.name?.value : undefined);

function withoutUnlisted(definition: DefinitionNode): DefinitionNode {
  if (!isObjectType(definition) || definition.name.value !== 'Query') return definition;
  return { ...definition, fields: definition.fields?.filter(({ name }) => !unlisted.has(name.value)) ?? [] };
}

/** The types that the fields of the root types lead to. A type that implements an interface does not lead to it. */
function reachableTypes(definitions: readonly DefinitionNode[]): ReadonlySet<string> {
  const types = new Map(definitions.map((definition) => [nameOf(definition), definition]));
  const reached = new Set<string>();
  const reach = (name: string): void => {
    const definition = types.get(name);
    if (!definition || reached.has(name)) return;
    reached.add(name);
    for (const next of [...namesIn(definition), ...implementationsOf(name, definitions)]) reach(next);
  };
  for (const root of ['Query', 'Mutation', 'Subscription']) reach(root);
  return reached;
}

function namesIn(definition: DefinitionNode): string[] {
  const names: string[] = [];
  visit(isObjectType(definition) ? { ...definition, interfaces: [] } : definition, {
    NamedType: ({ name }) => {
      names.push(name.value);
    },
  });
  return names;
}

function implementationsOf(name: string, definitions: readonly DefinitionNode[]): string[] {
  return definitions
    .filter(isObjectType)
    .filter(({ interfaces = [] }) => interfaces.some((one) => one.name.value === name))
    .map((definition) => definition.name.value);
}

function withDirectives(definition: DefinitionNode, kept: ReadonlySet<string>): DefinitionNode {
  if (!isObjectType(definition)) return definition;
  const interfaces = definition.interfaces?.filter(({ name }) => kept.has(name.value)) ?? [];
  const text = typeDirectives[definition.name.value];
  const directives = [...(definition.directives ?? []), ...(text === undefined ? [] : parseDirectives(text))];
  return { ...definition, interfaces, directives };
}

function parseDirectives(text: string): readonly ConstDirectiveNode[] {
  const [definition] = parse(`scalar Any ${text}`, { noLocation: true }).definitions;
  return (definition as TypeDefinitionNode).directives ?? [];
}
