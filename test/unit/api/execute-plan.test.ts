import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import {
  buildSchema,
  type DocumentNode,
  type ExecutionResult,
  execute,
  type FormattedExecutionResult,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { AnswerBudget } from '../../../src/graphql/cost/answer-budget.js';
import { meterFields } from '../../../src/graphql/cost/meter-fields.js';
import { executePlan } from '../../../src/graphql/execution/execute-plan.js';
import { type Plans, planDocument } from '../../../src/graphql/execution/plans.js';
import { formatError } from '../../../src/graphql/format-error.js';
import { Turns } from '../../../src/limits/turns.js';
import { report } from '../../support/report.js';
import { operations, variables } from './sample-queries.js';
import { type Call, createSampleSchema, type World } from './sample-schema.js';

class TurnsOf extends Turns {
  constructor(private readonly isFull: boolean) {
    super();
  }

  override isOver(): boolean {
    return this.isFull;
  }
}

const contextOf = (isFull: boolean, limits = { cost: 100_000, bytes: 10_000_000 }) => ({
  calls: [] as Call[],
  budget: new AnswerBudget({
    limits,
    turns: new TurnsOf(isFull),
    key: { group: 'g', id: 'i' },
    reserve: () => {},
  }),
});

/** Documents define more fragments and variables than they use. */
const rules = specifiedRules.filter(({ name }) => !name.startsWith('NoUnused'));

interface Sample {
  world: World;
  schema: GraphQLSchema;
  document: DocumentNode;
  operation: OperationDefinitionNode;
  plans: Plans;
}

/** As it is sent, the errors in no order: they come as promises settle. */
function sent({ data, errors = [] }: ExecutionResult): { data: unknown; errors: unknown[] } {
  const formatted: FormattedExecutionResult['errors'] = errors.map((error) =>
    formatError(error.toJSON(), error),
  );
  const lines = formatted.map((error) => JSON.stringify(error)).sort();
  return { data: JSON.parse(JSON.stringify(data)), errors: lines };
}

const spentOf = ({ budget: { values, bytes } }: ReturnType<typeof contextOf>) => ({ values, bytes });

/**
 * The data, and the values that are null by errors. If several fields below such a value fail, the first one is told and perhaps
 * others: the specification leaves it open which, and promises settle in an order that says nothing.
 */
function asTheyCome(result: ExecutionResult): { data: unknown; nulled: string[] } {
  const nulled = new Set<string>();
  for (const { path = [] } of result.errors ?? []) {
    let value: unknown = result.data;
    let length = 0;
    while (typeof value === 'object' && value !== null && length < path.length) {
      value = Reflect.get(value, path[length] ?? '');
      length += 1;
    }
    nulled.add(`${value} ${path.slice(0, length).join('/')}`);
  }
  return { data: sent(result).data, nulled: [...nulled].sort() };
}

/** The calls of an execution. Some come after an answer that has failed. */
async function callsOf({ calls }: { calls: readonly Call[] }): Promise<string[]> {
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
  return calls.map((call) => JSON.stringify(call)).sort();
}

/** The operation's own fields, in the order in which they or something below them was resolved. */
function rootsOf({ calls }: { calls: readonly Call[] }): string[] {
  const roots = calls.map(({ path }) => String(path).split('/')[1] ?? '');
  return roots.filter((root, index) => root !== roots[index - 1]);
}

describe('a planned operation', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 100_000);
  const counts = { planned: 0, mutations: 0, failed: 0, invalid: 0, wrong: 0 };
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => unhandled.push(reason);
  beforeAll(() => process.on('unhandledRejection', onUnhandled));
  afterAll(() => {
    process.off('unhandledRejection', onUnhandled);
    report(`planned operations, seed ${seed}: ${JSON.stringify(counts)}`);
  });

  test('has the answer that graphql-js gives, whatever its resolvers do', async () => {
    const property = fc.asyncProperty(
      operations,
      fc.array(variables, { minLength: 2, maxLength: 4 }),
      fc.record({ seed: fc.nat(), isAsync: fc.boolean() }),
      async (text, given, world) => {
        const schema = createSampleSchema(world);
        const document = parse(text);
        const operation = getOperationAST(document);
        const plans = planDocument(schema, document);
        if (!operation || !plans || validate(schema, document, rules).length > 0) {
          counts.invalid += 1;
          return;
        }
        for (const values of given) await compare({ world, schema, document, operation, plans }, values);
      },
    );
    await fc.assert(property, { numRuns: 400, seed, includeErrorInReport: true });
    expect(counts.planned).toBeGreaterThan(300);
    expect(counts.mutations).toBeGreaterThan(100);
    expect(counts.failed).toBeGreaterThan(100);
  });

  async function compare(
    { world, schema, document, operation, plans }: Sample,
    variableValues: Record<string, unknown>,
  ): Promise<void> {
    const isMutation = operation.operation === OperationTypeNode.MUTATION;
    const contextValue = contextOf(false);
    const expected = await execute({ schema, document, variableValues, contextValue });
    const expectedCalls = await callsOf(contextValue);
    const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues);
    if (!coerced) {
      expect(expected.data).toBeUndefined();
      counts.wrong += 1;
      return;
    }
    const plan = plans.planOf(operation, coerced);
    if (!plan) return;
    // graphql-js forgets promises of lists within lists.
    unhandled.length = 0;
    const context = contextOf(false);
    const actual = await executePlan(plan, context, coerced);
    if (world.isAsync) expect(asTheyCome(actual)).toEqual(asTheyCome(expected));
    else expect(sent(actual)).toEqual(sent(expected));
    const calls = await callsOf(context);
    // How much is still asked for behind an error depends on the order, too.
    if (!world.isAsync || !expected.errors) {
      expect(calls).toEqual(expectedCalls);
      if (isMutation) expect(rootsOf(context)).toEqual(rootsOf(contextValue));
      expect(spentOf(context)).toEqual(spentOf(contextValue));
    }
    const full = contextOf(true);
    expect(asTheyCome(await executePlan(plan, full, coerced))).toEqual(asTheyCome(expected));
    await callsOf(full);
    expect(unhandled).toEqual([]);
    counts.planned += 1;
    if (isMutation) counts.mutations += 1;
    if (expected.errors) counts.failed += 1;
  }
});

const planOf = (schema: GraphQLSchema, query: string, values: Record<string, boolean> = {}) => {
  const document = parse(query);
  const operation = getOperationAST(document);
  return (operation && planDocument(schema, document)?.planOf(operation, values)) ?? null;
};

describe('a plan', () => {
  const schema = createSampleSchema({ seed: 1, isAsync: false });

  test.each([
    ['introspection', '{ __schema { description } }'],
    ['introspection within a fragment', '{ ...F } fragment F on Query { __type(name: "A") { name } }'],
    ['a name that plain objects have for something else', '{ a { __proto__: id } }'],
    [
      'fragments that are many fields when written out',
      `{ a { ...F1 } } ${Array.from({ length: 9 }, (_, index) => `fragment F${index + 1} on A { child { ...F${index + 2} } childRequired { ...F${index + 2} } }`).join(' ')} fragment F10 on A { id }`,
    ],
  ])('is not made of %s', (_, query) => {
    expect(validate(schema, parse(query))).toEqual([]);
    expect(planOf(schema, query)).toBeNull();
  });

  test('is made for four combinations of conditions, and not for more', () => {
    const document = parse(
      'query ($a: Boolean!, $b: Boolean!, $c: Boolean!) { a @skip(if: $a) { id @include(if: $b) __typename @skip(if: $c) } }',
    );
    const operation = getOperationAST(document) as OperationDefinitionNode;
    const plans = planDocument(schema, document);
    const made = Array.from({ length: 8 }, (_, bits) =>
      plans?.planOf(operation, { a: (bits & 1) > 0, b: (bits & 2) > 0, c: (bits & 4) > 0 }),
    );
    expect(made.map((plan) => plan !== null)).toEqual([true, true, true, true, false, false, false, false]);
    expect(plans?.planOf(operation, { a: true, b: false, c: false })).toBe(made[1]);
  });

  test('stops when the budget is used up', async () => {
    const metered = createSampleSchema({ seed: 7, isAsync: true });
    const plan = planOf(metered, '{ a { children { id number } child { id } } }');
    const context = contextOf(false, { cost: 2, bytes: 10_000 });
    expect(plan && (await executePlan(plan, context, {})).data).toBeDefined();
    expect(context.budget.fault).toMatchObject({ code: 'QUERY_TOO_COMPLEX', limit: 2 });
    expect(context.calls.length).toBeLessThanOrEqual(2);
  });
});

test('a list of which one item fails at once, and another one later, leaves no rejection behind', async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  const schema = buildSchema('type Item { late: Int! now: Int! } type Query { items: [Item!] }');
  meterFields(schema);
  const late = () => Promise.reject(new Error('late'));
  const now = () => {
    throw new Error('now');
  };
  const rootValue = {
    items: [
      { late, now: 1 },
      { late: 1, now },
    ],
  };
  const document = parse('{ items { late now } }');
  const { errors } = await execute({ schema, document, rootValue, contextValue: contextOf(false) });
  await callsOf({ calls: [] });
  process.off('unhandledRejection', onUnhandled);
  expect([errors?.length, unhandled]).toEqual([1, []]);
});

test('a member that throws when it is read is null by itself', async () => {
  const schema = buildSchema('type Item { a: String b: String } type Query { item: Item }');
  const item = {
    get a(): string {
      throw new Error('x');
    },
    b: 'b',
  };
  const query = schema.getQueryType()?.getFields()['item'];
  if (query) query.resolve = () => item;
  meterFields(schema);
  const plan = planOf(schema, '{ item { a b } }');
  const { data, errors } = plan ? await executePlan(plan, contextOf(false), {}) : {};
  expect(data).toEqual({ item: { a: null, b: 'b' } });
  expect(errors?.map(({ path }) => path)).toEqual([['item', 'a']]);
});
