import {
  type ArgumentNode,
  type DocumentNode,
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isListType,
  isUnionType,
  Kind,
  type ObjectFieldNode,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type ValueNode,
  visit,
} from 'graphql';
import { addCosts, assertIntrospection, type Cost, free, IntrospectionCost } from './query-limits.js';

/** Items of a list that takes no page size, such as a field's links. If there are more, they are counted as they are read. */
const usualItems = 10;
const usualPageSize = 50;

/** The lists of a connection: its page size tells how long they are. */
const pagedLists = new Set(['edges', 'nodes']);
const pageSizes = new Set(['first', 'last']);
/** Arguments that name each item of a list. */
const namedItems = new Set(['ids', 'refs', 'representations']);
/** More are refused when the list is read. */
const maxNamedItems = 100;
const costArguments = new Set([...pageSizes, ...namedItems, 'filter', 'if', 'name']);

/**
 * Names of the variables on which the cost of a document depends: page sizes, lists that name items, and conditions of `@skip`
 * and `@include`.
 */
export function costVariables(document: DocumentNode): string[] {
  const names = new Set<string>();
  const note = ({ name, value }: ArgumentNode | ObjectFieldNode) => {
    if (costArguments.has(name.value) && value.kind === Kind.VARIABLE) names.add(value.name.value);
  };
  visit(document, { Argument: note, ObjectField: note });
  return [...names];
}

/** All that the cost depends on in the value of such a variable. A list is no number: one id may be given as a number. */
export function costOfVariable(value: unknown): unknown {
  if (Array.isArray(value)) return { items: value.length };
  return typeof value === 'object' && value !== null ? { ids: costOfVariable(idsOf(value)) } : value;
}

/** The ids that a filter names. */
const idsOf = (filter: unknown): unknown =>
  typeof filter === 'object' && filter !== null ? Reflect.get(filter, 'ids') : undefined;

/** Items that are named by a list, or by one item that stands for a list of it. Null without one. */
function countNamed(value: unknown): number | null {
  if (value === null || value === undefined) return null;
  return Array.isArray(value) ? Math.min(value.length, maxNamedItems) : 1;
}

/** The cost of an answer, and of the introspection in it. Bytes are known of introspection only. */
export interface OperationCost extends Cost {
  introspection: Cost;
}

/**
 * Counts the values that the answer to a valid operation may have, each as often as the lists around it are long and by its
 * weight. Throws QUERY_TOO_COMPLEX if it asks for too much of the schema.
 */
export function costOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): OperationCost {
  const root = schema.getRootType(operation.operation);
  if (!root) return { ...free, introspection: free };
  const walk = new CostWalk(schema, document, resolveWith(operation, variables));
  const cost = walk.ofSelections(operation.selectionSet, root, null);
  return { ...cost, introspection: walk.introspected };
}

type Resolve = (value: ValueNode | undefined) => unknown;

/** The value of a literal or a variable, as far as sizes and conditions go. */
function resolveWith(
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): Resolve {
  const presets = new Map(
    operation.variableDefinitions?.map(({ variable, defaultValue }) => [variable.name.value, defaultValue]),
  );
  const resolve: Resolve = (value) => {
    if (value?.kind === Kind.INT) return Number(value.value);
    if (value?.kind === Kind.STRING || value?.kind === Kind.BOOLEAN) return value.value;
    if (value?.kind === Kind.LIST) return value.values;
    if (value?.kind === Kind.OBJECT)
      return Object.fromEntries(value.fields.map(({ name, value: inner }) => [name.value, resolve(inner)]));
    if (value?.kind !== Kind.VARIABLE) return undefined;
    const name = value.name.value;
    return Object.hasOwn(variables, name) ? variables[name] : resolve(presets.get(name));
  };
  return resolve;
}

/** Visits each selection set once for each type and page size that it is selected of. */
class CostWalk {
  introspected = free;
  readonly #known = new Map<SelectionSetNode, Map<string, Cost>>();
  readonly #fragments = new Map<string, { type: string; selectionSet: SelectionSetNode }>();
  readonly #introspection: IntrospectionCost;

  constructor(
    private readonly schema: GraphQLSchema,
    document: DocumentNode,
    private readonly resolve: Resolve,
  ) {
    for (const definition of document.definitions) {
      if (definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
      const { name, typeCondition, selectionSet } = definition;
      this.#fragments.set(name.value, { type: typeCondition.name.value, selectionSet });
    }
    this.#introspection = new IntrospectionCost(schema, (name) => this.#fragments.get(name)?.selectionSet);
  }

  /** `size` is that of the page, within a connection. */
  ofSelections(selectionSet: SelectionSetNode, type: GraphQLCompositeType, size: number | null): Cost {
    const known = this.#known.get(selectionSet) ?? new Map<string, Cost>();
    this.#known.set(selectionSet, known);
    const key = `${type.name} ${size}`;
    const found = known.get(key);
    if (found) return found;
    const cost = selectionSet.selections
      .filter((selection) => this.#isIncluded(selection))
      .map((selection) => this.#ofSelection(selection, type, size))
      .reduce(addCosts, free);
    known.set(key, cost);
    return cost;
  }

  #isIncluded({ directives = [] }: SelectionNode): boolean {
    return directives.every(({ name, arguments: given }) => {
      if (name.value !== 'skip' && name.value !== 'include') return true;
      return this.resolve(given?.[0]?.value) !== (name.value === 'skip');
    });
  }

  #ofSelection(selection: SelectionNode, type: GraphQLCompositeType, size: number | null): Cost {
    if (selection.kind === Kind.FIELD) return this.#ofField(selection, type, size);
    const { type: name, selectionSet } =
      selection.kind === Kind.INLINE_FRAGMENT
        ? { type: selection.typeCondition?.name.value, selectionSet: selection.selectionSet }
        : (this.#fragments.get(selection.name.value) ?? {});
    if (!selectionSet) return free;
    const narrowed = name === undefined ? type : this.schema.getType(name);
    return isCompositeType(narrowed) ? this.ofSelections(selectionSet, narrowed, size) : free;
  }

  #ofField(node: FieldNode, type: GraphQLCompositeType, size: number | null): Cost {
    const name = node.name.value;
    const field = isUnionType(type) ? undefined : type.getFields()[name];
    if (field) return this.#ofKnownField(node, type.name, field, size);
    if (name === '__typename') return { values: 1, bytes: 0 };
    const typeName = this.resolve(node.arguments?.find((given) => given.name.value === 'name')?.value);
    const cost = this.#introspection.of(node, typeName);
    this.introspected = addCosts(this.introspected, cost);
    assertIntrospection(this.introspected);
    return cost;
  }

  #ofKnownField(
    { arguments: given, selectionSet }: FieldNode,
    typeName: string,
    field: GraphQLField<unknown, unknown>,
    size: number | null,
  ): Cost {
    const values = weightOf(typeName, field.name);
    const type = getNamedType(field.type);
    if (!selectionSet || !isCompositeType(type)) return { values, bytes: 0 };
    const isPaged = field.args.some(({ name }) => pageSizes.has(name));
    const inner = this.ofSelections(selectionSet, type, isPaged ? this.#pageSize(given ?? []) : null);
    if (!isListType(getNullableType(field.type))) return addCosts({ values, bytes: 0 }, inner);
    const named = given?.find(({ name }) => namedItems.has(name.value));
    const items =
      (pagedLists.has(field.name) ? size : null) ?? countNamed(this.resolve(named?.value)) ?? usualItems;
    return { values: values + items * (1 + inner.values), bytes: items * inner.bytes };
  }

  #pageSize(given: readonly ArgumentNode[]): number {
    const asked = given
      .filter(({ name }) => pageSizes.has(name.value))
      .map(({ value }) => this.resolve(value));
    const [size = usualPageSize] = asked.filter(Number.isInteger);
    const filter = given.find(({ name }) => name.value === 'filter');
    const named = countNamed(idsOf(this.resolve(filter?.value)));
    return Math.max(0, Math.min(Number(size), named ?? Number(size)));
  }
}

/**
 * Fields that cost more than others, in values: a count reads up to 10,000 rows, a URL or a receipt is signed, up to a hundred for
 * the parts of an upload, a picture is decoded, a policy lists its types, a page looks for another one beside it.
 * Every other field weighs one.
 */
const weights: Readonly<Record<string, number>> = {
  'ApiKeyConnection.totalCount': 1_000,
  'AttachmentConnection.totalCount': 1_000,
  'AttachmentLinkConnection.totalCount': 10,
  'AttachmentVersionConnection.totalCount': 10,
  'AttachmentVersion.downloadUrl': 10,
  'AuditEventConnection.totalCount': 1_000,
  'ShareLinkConnection.totalCount': 10,
  'WebhookDeliveryConnection.totalCount': 1_000,
  'WebhookEndpointConnection.totalCount': 10,
  'Attachment.downloadUrl': 10,
  'Attachment.image': 10,
  'Attachment.preview': 10,
  'Attachment.receipt': 10,
  'DeleteAttachmentPayload.receipt': 10,
  'HostRecord.archiveUrl': 10,
  'Mutation.signUploadParts': 10_000,
  'PageInfo.hasNextPage': 10,
  'PageInfo.hasPreviousPage': 10,
  'RecordField.policy': 10,
  'UploadTarget.url': 10,
  'Viewer.usage': 10,
  'Query.uploadPolicy': 10,
  'Query._service': 1_000,
};

export function weightOf(typeName: string, fieldName: string): number {
  return weights[`${typeName}.${fieldName}`] ?? 1;
}
