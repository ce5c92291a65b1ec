import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  visit,
} from 'graphql';
import { Plan } from './plan.js';

/** Plans of one document: one for each operation, and for each combination of what `@skip` and `@include` are given. */
const maxPlans = 4;

/** Fields that a plan may have: fragments are written out in it as often as they are spread. */
const maxFields = 500;

/** Bytes of memory that a planned field takes: 600 were measured, and one of an interface is planned for several types. */
const bytesPerField = 1_000;

/** Selections that are left to graphql-js: a plan has no introspection, and a plain object no such member. */
const unplanned = new Set(['__schema', '__type', '__proto__']);

/**
 * The plans of one document, made when they are first asked for. By them a list of 100 takes 7.0 ms of the processor instead of 10 to
 * 11, and a get 1.24 instead of 1.32 to 1.56 (docs/performance.md). `test/unit/api/execute-plan.test.ts` compares the answers with those
 * of graphql-js on a schema whose resolvers do anything, and `test/service/api/planned-answers.test.ts` on the service's own.
 */
export class Plans {
  readonly #known = new Map<string, Plan>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly document: DocumentNode,
    /** Variables that `@skip` and `@include` are given. */
    private readonly conditions: readonly string[],
    private readonly fields: number,
  ) {}

  /** Bytes of memory that all plans together may take. */
  get weight(): number {
    return this.fields * bytesPerField * (this.conditions.length > 0 ? maxPlans : 1);
  }

  /**
   * Null for what graphql-js has to execute, such as a condition that is null, which is a fault of its place alone. The variables
   * have been coerced.
   */
  planOf(operation: OperationDefinitionNode, variables: GraphQLResolveInfo['variableValues']): Plan | null {
    const values = this.conditions.map((name) => variables[name]);
    if (values.some((value) => typeof value !== 'boolean')) return null;
    const key = JSON.stringify([operation.name?.value, values]);
    const known = this.#known.get(key);
    if (known) return known;
    if (this.#known.size >= maxPlans) return null;
    const plan = new Plan(this.schema, this.document, operation, variables);
    this.#known.set(key, plan);
    return plan;
  }
}

/** The plans of a valid document; null if graphql-js has to execute it. */
export function planDocument(schema: GraphQLSchema, document: DocumentNode): Plans | null {
  const fields = countFields(document);
  return fields > maxFields ? null : new Plans(schema, document, conditionsOf(document), fields);
}

function conditionsOf(document: DocumentNode): string[] {
  const names = new Set<string>();
  visit(document, {
    Directive: ({ arguments: given = [] }) => {
      for (const { value } of given) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
  });
  return [...names];
}

/** Fields with all fragments written out, or one more than a plan may have; infinite if some cannot be planned. */
function countFields(document: DocumentNode): number {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  let fields = 0;
  const count = (selectionSet: SelectionSetNode | undefined): void => {
    for (const selection of selectionSet?.selections ?? []) {
      if (fields > maxFields) return;
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        count(fragments.get(selection.name.value)?.selectionSet);
        continue;
      }
      if (selection.kind === Kind.FIELD) {
        const { name, alias } = selection;
        fields += unplanned.has(name.value) || unplanned.has(alias?.value ?? '') ? Infinity : 1;
      }
      count(selection.selectionSet);
    }
  };
  for (const definition of document.definitions)
    if (definition.kind === Kind.OPERATION_DEFINITION) count(definition.selectionSet);
  return fields;
}
