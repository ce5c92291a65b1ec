import type { FaultDetail } from '../errors.js';
import type { PolicyBook } from './load-policies.js';
import { anyRecordType, defaultPolicyName, type Policy } from './policy.js';

export interface PolicyQuery {
  /** A policy's name: it holds, whatever the record. */
  policy?: string | null;
  recordType?: string | null;
  field?: string | null;
}

/**
 * The policy that holds: the one named; else that of the record type's field, of the record type, of the same field of the
 * record type `*`, of `*`; without a record, `default`. A fault is `unknown_policy` or `record_type_not_eligible`; its
 * `loc` is a path below the input.
 */
export function resolvePolicy(
  book: PolicyBook,
  { policy, recordType, field }: PolicyQuery,
): { policy: Policy } | { fault: FaultDetail } {
  if (policy != null || recordType == null) return findNamed(book, policy ?? defaultPolicyName);
  for (const type of [recordType, anyRecordType]) {
    const entry = book.recordTypes.get(type);
    const found = (field == null ? null : entry?.fields.get(field)) ?? entry?.policy;
    if (found) return { policy: found };
  }
  const msg = `Records of type ${JSON.stringify(recordType)} take no attachments${field == null ? '' : ' in this field'}.`;
  return { fault: { loc: ['record', 'type'], type: 'record_type_not_eligible', msg } };
}

function findNamed({ policies }: PolicyBook, name: string): { policy: Policy } | { fault: FaultDetail } {
  const policy = policies.get(name);
  if (policy) return { policy };
  return {
    fault: { loc: ['policy'], type: 'unknown_policy', msg: `There is no policy ${JSON.stringify(name)}.` },
  };
}
