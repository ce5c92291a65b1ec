import { AttachmentError } from '../errors.js';

/** What an operation may be made of. */
export interface QueryLimits {
  /** Lexical tokens of the whole document. */
  tokens: number;
  /** Levels of fields; introspection has a bound of its own. */
  depth: number;
  /** Also bounds fields and fragments that are given again in the same place. */
  aliases: number;
  /** Values that the answer may have, as far as page sizes tell. */
  cost: number;
}

const faults: Record<keyof QueryLimits, (limit: number) => { msg: string; type: string }> = {
  tokens: (limit) => ({ msg: `A document may have at most ${limit} tokens.`, type: 'too_many_tokens' }),
  depth: (limit) => ({ msg: `Fields may be nested at most ${limit} levels deep.`, type: 'too_deep' }),
  aliases: (limit) => ({
    msg: `An operation may have at most ${limit} aliases, or fields and fragments given again.`,
    type: 'too_many_aliases',
  }),
  cost: (limit) => ({
    msg: `The answer might have more than ${limit} values: ask for smaller pages or fewer fields.`,
    type: 'too_costly',
  }),
};

/** QUERY_TOO_COMPLEX, naming the limit that was passed. */
export function tooComplex(limits: QueryLimits, passed: keyof QueryLimits): AttachmentError {
  const limit = limits[passed];
  const fault = faults[passed](limit);
  const details = [{ loc: ['query'], ...fault }];
  return new AttachmentError('QUERY_TOO_COMPLEX', { message: fault.msg, limit, details });
}
