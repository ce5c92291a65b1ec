import type { GraphQLField, GraphQLLeafType } from 'graphql';
import type { AnswerBudget } from '../cost/answer-budget.js';
import { bytesOf, framing, weightOfMember } from '../cost/meter-fields.js';

/** A field that is a member of its object, and a leaf: most values of a list are. */
export interface Member {
  name: string;
  type: GraphQLLeafType;
  /** Values that it counts for, and the bytes around its own. */
  weight: number;
  bytes: number;
}

/** Null for a field of this type that has to be resolved. */
export function planMember(field: GraphQLField<unknown, unknown>, type: GraphQLLeafType): Member | null {
  const weight = weightOfMember(field);
  if (weight === null) return null;
  return { name: field.name, type, weight, bytes: framing + field.name.length };
}

/**
 * The serialized value of a member, without the path and the facts that a resolver is given. Undefined for what is missing, waited
 * for, called, wrong or too much: it is to be resolved as any other field, and counted anew. A list of 100 reaches 1.16 of the rate by
 * it (docs/performance.md), and `test/unit/api/execute-plan.test.ts` compares the answers with those of graphql-js.
 */
export function readMember(member: Member, source: unknown, budget: AnswerBudget): unknown {
  if (typeof source !== 'object' || source === null) return undefined;
  try {
    const value = (source as Record<string, unknown>)[member.name];
    if (!isPlain(value)) return undefined;
    if (!budget.spend(member.weight, member.bytes + bytesOf(value))) return undefined;
    return member.type.serialize(value) ?? undefined;
  } catch {
    return undefined;
  }
}

const isPlain = (value: unknown): boolean => {
  const type = typeof value;
  return type === 'string' || type === 'number' || type === 'boolean' || value instanceof Date;
};
