import {
  type ArgumentNode,
  type DocumentNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isListType,
  Kind,
  type OperationDefinitionNode,
  TypeInfo,
  type ValueNode,
  visit,
  visitWithTypeInfo,
} from 'graphql';

/** Items of a list that takes no `first`, such as a field's links. Where there are many, they are counted as they are read. */
const usualItems = 10;

/** The lists of a connection: its `first` tells how long they are. */
const pagedLists = new Set(['edges', 'nodes']);

/** The variables that are page sizes: with them, a document tells how long its lists may be. */
export function pageSizeVariables(document: DocumentNode): string[] {
  const names = new Set<string>();
  visit(document, {
    Argument: ({ name, value }) => {
      if (name.value === 'first' && value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
  });
  return [...names];
}

/** The operation with its fragments, every list in it with its length as a literal `first`, whether or not it takes one. */
export function writePageSizes(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): DocumentNode {
  const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
  const typeInfo = new TypeInfo(schema);
  const presets = new Map(
    operation.variableDefinitions?.map(({ variable, defaultValue }) => [variable.name.value, defaultValue]),
  );
  const resolveSize = (value: ValueNode | undefined): unknown => {
    if (value?.kind === Kind.INT) return Number(value.value);
    if (value?.kind !== Kind.VARIABLE) return undefined;
    const name = value.name.value;
    return Object.hasOwn(variables, name) ? variables[name] : resolveSize(presets.get(name));
  };
  const writeSize = (node: FieldNode): FieldNode | undefined => {
    const field = typeInfo.getFieldDef();
    const given = resolveSize(node.arguments?.find(isPageSize)?.value);
    const size = field && sizeOf(field, given);
    return size ? { ...node, arguments: [pageSize(size)] } : undefined;
  };
  return visit(
    { kind: Kind.DOCUMENT, definitions: [operation, ...fragments] },
    visitWithTypeInfo(typeInfo, { Field: { enter: writeSize } }),
  );
}

/** Null for a field that is no list. */
function sizeOf(field: GraphQLField<unknown, unknown>, given: unknown): number | null {
  const first = field.args.find(({ name }) => name === 'first');
  if (first) return Number.isInteger(given) ? Number(given) : Number(first.defaultValue);
  const isList = isListType(getNullableType(field.type)) && isCompositeType(getNamedType(field.type));
  return isList && !pagedLists.has(field.name) ? usualItems : null;
}

const isPageSize = ({ name }: ArgumentNode): boolean => name.value === 'first';

const pageSize = (size: number): ArgumentNode => ({
  kind: Kind.ARGUMENT,
  name: { kind: Kind.NAME, value: 'first' },
  value: { kind: Kind.INT, value: String(size) },
});
