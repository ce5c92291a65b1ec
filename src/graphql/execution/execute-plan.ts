import {
  defaultTypeResolver,
  type ExecutionResult,
  GraphQLError,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  getArgumentValues,
  isObjectType,
  OperationTypeNode,
} from 'graphql';
import type { GraphqlContext } from '../context.js';
import { shortList } from '../cost/meter-fields.js';
import { readMember } from './members.js';
import {
  FieldErrors,
  isIterable,
  isPromise,
  type Path,
  type Place,
  type Plan,
  type PlannedField,
  type PlannedType,
  serialize,
  throwAfter,
} from './plan.js';

type Variables = GraphQLResolveInfo['variableValues'];
type Arguments = Readonly<Record<string, unknown>>;

/** A list that is completed, its items of this type. */
interface List {
  items: readonly unknown[];
  type: PlannedType;
  place: Place;
  info: GraphQLResolveInfo;
}

/**
 * Executes a query or a mutation by its plan, with the same result as `execute` of graphql-js: the specification's algorithm, and
 * the same order of calls. Long lists are completed in turns.
 */
export async function executePlan(
  plan: Plan,
  context: Pick<GraphqlContext, 'budget'>,
  variables: Variables,
): Promise<ExecutionResult> {
  context.budget.handsItemsOut = false;
  const execution = new Execution(plan, context, variables);
  let data: Record<string, unknown> | null = null;
  try {
    data = await execution.selectRoot();
  } catch (error) {
    execution.errors.add(error as GraphQLError, undefined);
  }
  const { list } = execution.errors;
  return list.length === 0 ? { data } : { data, errors: list };
}

class Execution {
  readonly errors = new FieldErrors();
  readonly #arguments = new Map<PlannedField, Arguments>();

  constructor(
    private readonly plan: Plan,
    private readonly context: Pick<GraphqlContext, 'budget'>,
    private readonly variables: Variables,
  ) {}

  /** The fields of the operation. Those of a mutation are resolved one after the other. */
  async selectRoot(): Promise<Record<string, unknown>> {
    const { root, operation } = this.plan;
    if (operation.operation === OperationTypeNode.QUERY) return this.select(root, undefined, undefined);
    const result: Record<string, unknown> = {};
    for (const field of root) Object.assign(result, await this.select([field], undefined, undefined));
    return result;
  }

  /** The fields of an object. Throws, or rejects, for a required one that has none. */
  select(
    fields: readonly PlannedField[],
    source: unknown,
    above: Path | undefined,
  ): Record<string, unknown> | Promise<Record<string, unknown>> {
    const result: Record<string, unknown> = {};
    const pending: Promise<unknown>[] = [];
    const names: string[] = [];
    const { budget } = this.context;
    try {
      for (const field of fields) {
        const { name, parentType, constant, member } = field;
        const value =
          constant ??
          (member && readMember(member, source, budget)) ??
          this.#resolve(field, source, { prev: above, key: name, typename: parentType.name });
        result[name] = value;
        if (!isPromise(value)) continue;
        pending.push(value);
        names.push(name);
      }
    } catch (error) {
      return throwAfter(pending, error);
    }
    if (pending.length === 0) return result;
    return Promise.all(pending).then((values) => {
      for (const [index, name] of names.entries()) result[name] = values[index];
      return result;
    });
  }

  #resolve(field: PlannedField, source: unknown, path: Path): unknown {
    const place = { field, type: field.type, path };
    try {
      const info = this.plan.infoOf(field, path, this.variables);
      return this.#settle(field.resolve(source, this.#argumentsOf(field), this.context, info), place, info);
    } catch (error) {
      return this.errors.tell(error, place);
    }
  }

  #argumentsOf(field: PlannedField): Arguments {
    const {
      definition,
      nodes: [node],
    } = field;
    if (!node || definition.args.length === 0) return {};
    const known = this.#arguments.get(field);
    if (known) return known;
    const values = getArgumentValues(definition, node, this.variables);
    this.#arguments.set(field, values);
    return values;
  }

  /** A value, or the promise of one, completed; its errors are told, or thrown on. */
  #settle(value: unknown, place: Place, info: GraphQLResolveInfo): unknown {
    const completed = isPromise(value)
      ? value.then((settled) => this.#complete(settled, place, info))
      : this.#complete(value, place, info);
    return isPromise(completed)
      ? completed.then(undefined, (error: unknown) => this.errors.tell(error, place))
      : completed;
  }

  #complete(value: unknown, place: Place, info: GraphQLResolveInfo): unknown {
    if (value instanceof Error) throw value;
    const { type } = place;
    if (value === null || value === undefined) {
      if (!type.isRequired) return null;
      const { parentType, fieldName } = info;
      throw new Error(`Cannot return null for non-nullable field ${parentType.name}.${fieldName}.`);
    }
    switch (type.kind) {
      case 'leaf':
        return serialize(type.type, value);
      case 'object':
        return this.#completeObject(type.type, value, place, info);
      case 'abstract':
        return this.#completeAbstract(type, value, place, info);
      case 'list':
        return this.#completeList(type.item, value, place, info);
    }
  }

  #completeObject(
    type: GraphQLObjectType,
    value: unknown,
    { field, path }: Place,
    info: GraphQLResolveInfo,
  ): unknown {
    const go = (isOne: boolean) => {
      if (isOne) return this.select(this.plan.selectionOf(field, type), value, path);
      throw wrongType(info, type);
    };
    const isOne = type.isTypeOf?.(value, this.context, info) ?? true;
    return isPromise(isOne) ? isOne.then(go) : go(isOne);
  }

  #completeAbstract(
    { type }: PlannedType & { kind: 'abstract' },
    value: unknown,
    place: Place,
    info: GraphQLResolveInfo,
  ): unknown {
    const { schema } = this.plan;
    const go = (name: string | undefined) => {
      const found = schema.getType(name ?? '');
      if (isObjectType(found) && schema.isSubType(type, found))
        return this.#completeObject(found, value, place, info);
      throw wrongType(info, type);
    };
    const name = (type.resolveType ?? defaultTypeResolver)(value, this.context, info, type);
    return isPromise(name) ? name.then(go) : go(name);
  }

  #completeList(item: PlannedType, value: unknown, place: Place, info: GraphQLResolveInfo): unknown {
    if (!isIterable(value)) {
      const { parentType, fieldName } = info;
      throw new GraphQLError(
        `Expected Iterable, but did not find one for field "${parentType.name}.${fieldName}".`,
      );
    }
    const list: List = { items: Array.isArray(value) ? value : [...value], type: item, place, info };
    const { turns } = this.context.budget;
    const first = this.#completeItems(list, 0, () => item.kind !== 'leaf' && turns.isOver());
    if (isPromise(first)) return first;
    const { length } = list.items;
    if (first.length === length) return first.some(isPromise) ? Promise.all(first) : first;
    // All ask for their turns now, so that their loads share a statement.
    const rest: Promise<unknown[]>[] = [];
    for (let from = first.length; from < length; from += shortList)
      rest.push(this.#inTurn(() => this.#completeItems(list, from, (count) => count === shortList)));
    return Promise.all([Promise.all(first), ...rest]).then((parts) => parts.flat());
  }

  /** Items from `from` on, completed until `isEnough` says so. */
  #completeItems(
    { items, type, place: { field, path }, info }: List,
    from: number,
    isEnough: (count: number) => boolean,
  ): unknown[] | Promise<never> {
    const completed: unknown[] = [];
    for (let index = from; index < items.length && !isEnough(index - from); index += 1) {
      const place = { field, type, path: { prev: path, key: index, typename: undefined } };
      try {
        completed.push(this.#completeItem(items[index], place, info));
      } catch (error) {
        return throwAfter([...completed, ...items.slice(index + 1)], error);
      }
    }
    return completed;
  }

  #completeItem(value: unknown, place: Place, info: GraphQLResolveInfo): unknown {
    try {
      return this.#settle(value, place, info);
    } catch (error) {
      return this.errors.tell(error, place);
    }
  }

  /** The values that `complete` makes when it is this client's turn. */
  async #inTurn(complete: () => unknown[] | Promise<never>): Promise<unknown[]> {
    const { budget } = this.context;
    await new Promise<void>((resolve) => budget.turns.enqueue(budget.key, resolve));
    if (budget.fault) throw budget.fault;
    return Promise.all(await complete());
  }
}

const wrongType = ({ parentType, fieldName }: GraphQLResolveInfo, { name }: { name: string }): Error =>
  new Error(`A value for ${parentType.name}.${fieldName} is no ${name}.`);
