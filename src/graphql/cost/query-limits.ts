import { type AttachmentError, type FaultTypeOf, fault } from '../../errors.js';

/** Limits of an operation's document and of its answer. */
export interface QueryLimits {
  /** Lexical tokens of the whole document. */
  tokens: number;
  /** Levels of fields; introspection has a bound of its own. */
  depth: number;
  /** Also bounds fields and fragments that are given again in the same place. */
  aliases: number;
  /** Values of the answer, weighed by what each costs. */
  cost: number;
  /** Bytes of the answer. */
  bytes: number;
}

/** Limits of every introspection: its answer is made in one go. The usual queries need a third of it. */
export const introspectionLimits = { depth: 20, cost: 25_000, bytes: 2 * 1024 * 1024 } as const;

/** Validation errors that are told. Each one costs time, and nobody reads more. */
export const maxValidationErrors = 10;

/** A limit that may be passed. */
type Limited = Partial<QueryLimits> & {
  /** Pairs of fields and fragments in one place. */
  comparisons?: number;
};

const faults: Record<
  keyof Limited,
  (limit: number) => { msg: string; type: FaultTypeOf<'QUERY_TOO_COMPLEX'> }
> = {
  tokens: (limit) => ({ msg: `A document may have at most ${limit} tokens.`, type: 'too_many_tokens' }),
  depth: (limit) => ({ msg: `Fields may be nested at most ${limit} levels deep.`, type: 'too_deep' }),
  aliases: (limit) => ({
    msg: `An operation may have at most ${limit} aliases, or fields and fragments given again.`,
    type: 'too_many_aliases',
  }),
  comparisons: (limit) => ({
    msg: `The fields and fragments that meet in one place may make at most ${limit} pairs: spread fewer fragments there.`,
    type: 'too_many_comparisons',
  }),
  cost: (limit) => ({
    msg: `The answer might have more than ${limit} values: ask for smaller pages or fewer fields.`,
    type: 'too_costly',
  }),
  bytes: (limit) => ({
    msg: `The answer would have more than ${limit} bytes: ask for smaller pages or fewer fields.`,
    type: 'answer_too_large',
  }),
};

/** QUERY_TOO_COMPLEX, naming the limit that was passed. */
export function tooComplex(limits: Limited, passed: keyof Limited): AttachmentError {
  const limit = limits[passed] ?? 0;
  const { msg, type } = faults[passed](limit);
  return fault(type, ['query'], msg, { code: 'QUERY_TOO_COMPLEX', message: msg, limit });
}
