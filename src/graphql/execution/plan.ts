import {
  type DocumentNode,
  defaultFieldResolver,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLAbstractType,
  type GraphQLError,
  type GraphQLField,
  type GraphQLFieldResolver,
  GraphQLIncludeDirective,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getDirectiveValues,
  getNullableType,
  type InlineFragmentNode,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  Kind,
  locatedError,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  TypeNameMetaFieldDef,
  typeFromAST,
} from 'graphql';
import { type Member, planMember } from './members.js';

/** The type of a value: the questions that graphql-js asks of it for each value have been answered. */
export type PlannedType = { isRequired: boolean } & (
  | { kind: 'leaf'; type: GraphQLLeafType }
  | { kind: 'list'; item: PlannedType }
  | { kind: 'object'; type: GraphQLObjectType }
  | { kind: 'abstract'; type: GraphQLAbstractType }
);

/** A field of one object type, as a document selects it. */
export interface PlannedField {
  /** Its name in the answer. */
  name: string;
  /** Selections of it in one place, whose subselections are taken together. */
  nodes: readonly FieldNode[];
  parentType: GraphQLObjectType;
  definition: GraphQLField<unknown, unknown>;
  resolve: GraphQLFieldResolver<unknown, unknown>;
  /** The value of `__typename`; null for a field that is resolved. */
  constant: string | null;
  type: PlannedType;
  /** Null for what has to be resolved. */
  member: Member | null;
  /** The selections of objects of each type that it resolves to. */
  inner: Map<GraphQLObjectType, readonly PlannedField[]>;
}

type Variables = GraphQLResolveInfo['variableValues'];

/**
 * The fields that a query or a mutation resolves, for each type and with the same conditions: executing it again collects nothing
 * and looks nothing up. Selections are planned when an object is first completed by them.
 */
export class Plan {
  readonly fragments: Record<string, FragmentDefinitionNode> = Object.create(null);
  readonly root: readonly PlannedField[];

  /** `conditions` are the coerced values of the variables of `@skip` and `@include`. */
  constructor(
    readonly schema: GraphQLSchema,
    document: DocumentNode,
    readonly operation: OperationDefinitionNode,
    private readonly conditions: Variables,
  ) {
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.fragments[definition.name.value] = definition;
    }
    const root = schema.getRootType(operation.operation);
    this.root = root ? this.#plan(root, [operation.selectionSet]) : [];
  }

  /** The fields of an object of this type that `field` resolves to. */
  selectionOf(field: PlannedField, type: GraphQLObjectType): readonly PlannedField[] {
    const known = field.inner.get(type);
    if (known) return known;
    const planned = this.#plan(
      type,
      field.nodes.flatMap(({ selectionSet }) => selectionSet ?? []),
    );
    field.inner.set(type, planned);
    return planned;
  }

  /** The facts that a resolver is given. */
  infoOf(field: PlannedField, path: Path, variableValues: Variables): GraphQLResolveInfo {
    const { definition, nodes, parentType } = field;
    const { schema, operation, fragments } = this;
    return {
      fieldName: definition.name,
      fieldNodes: nodes,
      returnType: definition.type,
      parentType,
      path,
      schema,
      fragments,
      rootValue: undefined,
      operation,
      variableValues,
    };
  }

  #plan(type: GraphQLObjectType, selectionSets: readonly SelectionSetNode[]): PlannedField[] {
    const collected = new Map<string, FieldNode[]>();
    const spread = new Set<string>();
    for (const selectionSet of selectionSets) this.#collect(type, selectionSet, collected, spread);
    return [...collected].flatMap(([name, nodes]) => planField(type, name, nodes));
  }

  #collect(
    type: GraphQLObjectType,
    { selections }: SelectionSetNode,
    collected: Map<string, FieldNode[]>,
    spread: Set<string>,
  ): void {
    for (const selection of selections) {
      if (!isIncluded(selection, this.conditions)) continue;
      if (selection.kind === Kind.FIELD) {
        const name = (selection.alias ?? selection.name).value;
        collected.set(name, [...(collected.get(name) ?? []), selection]);
        continue;
      }
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        // Once for an object, and once only if it is included.
        if (spread.has(selection.name.value)) continue;
        spread.add(selection.name.value);
      }
      const fragment =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : this.fragments[selection.name.value];
      if (fragment && this.#applies(fragment, type))
        this.#collect(type, fragment.selectionSet, collected, spread);
    }
  }

  #applies({ typeCondition }: InlineFragmentNode | FragmentDefinitionNode, type: GraphQLObjectType): boolean {
    const named = typeCondition && typeFromAST(this.schema, typeCondition);
    return !named || named === type || (isAbstractType(named) && this.schema.isSubType(named, type));
  }
}

/** Whether `@skip` and `@include` leave a selection in, with coerced variables. */
export function isIncluded(selection: SelectionNode, variables: Variables): boolean {
  if (!selection.directives?.length) return true;
  const skip = getDirectiveValues(GraphQLSkipDirective, selection, variables);
  const include = getDirectiveValues(GraphQLIncludeDirective, selection, variables);
  return skip?.['if'] !== true && include?.['if'] !== false;
}

/** Nothing for a field that does not exist. */
function planField(parentType: GraphQLObjectType, name: string, nodes: FieldNode[]): PlannedField[] {
  const fieldName = nodes[0]?.name.value ?? '';
  const isTypename = fieldName === TypeNameMetaFieldDef.name;
  const definition = isTypename ? TypeNameMetaFieldDef : parentType.getFields()[fieldName];
  if (!definition) return [];
  const type = planType(definition.type);
  return [
    {
      name,
      nodes,
      parentType,
      definition,
      resolve: definition.resolve ?? defaultFieldResolver,
      constant: isTypename ? parentType.name : null,
      type,
      member: type.kind === 'leaf' ? planMember(definition, type.type) : null,
      inner: new Map(),
    },
  ];
}

function planType(type: GraphQLOutputType): PlannedType {
  const isRequired = isNonNullType(type);
  const nullable = getNullableType(type);
  if (isListType(nullable)) return { kind: 'list', item: planType(nullable.ofType), isRequired };
  if (isLeafType(nullable)) return { kind: 'leaf', type: nullable, isRequired };
  if (isAbstractType(nullable)) return { kind: 'abstract', type: nullable, isRequired };
  return { kind: 'object', type: nullable, isRequired };
}

export type Path = GraphQLResolveInfo['path'];

/** The place of a value in the answer, and the type that says whether it may be null there. */
export interface Place {
  field: PlannedField;
  type: PlannedType;
  path: Path;
}

/** Errors of fields. Those below a value that has become null already are told no more. */
export class FieldErrors {
  readonly list: GraphQLError[] = [];
  readonly #nulled = new Set<Path | undefined>();

  /** Null, for a value that may be null; throws the error, with its place, for any other. */
  tell(error: unknown, { field, type, path }: Place): null {
    const located = locatedError(error, field.nodes, keysOf(path));
    if (type.isRequired) throw located;
    this.add(located, path);
    return null;
  }

  /** Without a path, for the answer as a whole. */
  add(error: GraphQLError, path: Path | undefined): void {
    for (let above = path; above; above = above.prev) if (this.#nulled.has(above)) return;
    if (this.#nulled.has(undefined)) return;
    this.#nulled.add(path);
    this.list.push(error);
  }
}

function keysOf(path: Path): (string | number)[] {
  const keys: (string | number)[] = [];
  for (let at: Path | undefined = path; at; at = at.prev) keys.push(at.key);
  return keys.reverse();
}

/** Throws `error`; if some of the others are pending, once they are settled, since they may fail, too. */
export function throwAfter(others: readonly unknown[], error: unknown): Promise<never> {
  const pending = others.filter(isPromise);
  if (pending.length === 0) throw error;
  return Promise.all(pending).finally(() => {
    throw error;
  }) as Promise<never>;
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

export function serialize(type: GraphQLLeafType, value: unknown): unknown {
  const serialized = type.serialize(value);
  if (serialized !== null && serialized !== undefined) return serialized;
  throw new Error(`A value of ${type.name} has become none.`);
}

export function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}
