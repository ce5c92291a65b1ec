import type { FaultDetail } from '../errors.js';
import { anyRecordType, defaultPolicyName, type Policy, type PolicyBook } from './policy.js';

export interface PolicyQuery {
  /** A policy's name: it holds, whatever the record. */
  policy?: string | null;
  recordType?: string | null;
  field?: string | null;
}

/**
 * The policy that holds: the one named; else that of the record type's field, of the record type, of the same field or any
 * field of the record type `*`; without a record, `default`. The fault's `loc` is the member of the query that is at fault,
 * and its kind is `unknown_policy` or `record_type_not_eligible`.
 */
export function resolvePolicy(
  { policies, recordTypes }: PolicyBook,
  { policy, recordType, field }: PolicyQuery,
): { policy: Policy } | { fault: FaultDetail } {
  if (policy != null) {
    const named = policies.get(policy);
    return named
      ? { policy: named }
      : fault('policy', 'unknown_policy', `There is no policy ${JSON.stringify(policy)}.`);
  }
  if (recordType == null) return resolvePolicy({ policies, recordTypes }, { policy: defaultPolicyName });
  for (const type of [recordType, anyRecordType]) {
    const entry = recordTypes.get(type);
    const found = (field == null ? null : entry?.fields.get(field)) ?? entry?.policy;
    if (found) return { policy: found };
  }
  const msg = `Records of type ${JSON.stringify(recordType)} may not have attachments${field == null ? '' : ' in this field'}.`;
  return fault('recordType', 'record_type_not_eligible', msg);
}

function fault(member: keyof PolicyQuery, type: string, msg: string): { fault: FaultDetail } {
  return { fault: { loc: [member], type, msg } };
}
