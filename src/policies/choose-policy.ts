import { type FaultDetail, Faults, type Loc } from '../errors.js';
import type { RecordRef } from '../model/record.js';
import { anyRecordType, calendarPolicyName, defaultPolicyName, type Policy } from './check-policy.js';
import type { PolicyBook } from './load-policies.js';

/** A lookup of a policy. A named policy comes first, whatever the record. */
export interface PolicyQuery {
  policy?: string | null;
  record?: Pick<RecordRef, 'type'> | null;
  /** In place of a record that does not exist yet. */
  recordType?: string | null;
  field?: string | null;
}

/** The policy that holds for this name, or record and field. Notes a fault where there is none: nothing is accepted then. */
export function choosePolicy(
  faults: Faults,
  policies: PolicyBook,
  query: PolicyQuery,
  within: Loc = ['input'],
): Policy | null {
  const resolved = resolvePolicy(policies, query);
  if ('policy' in resolved) return resolved.policy;
  const { loc, type, msg } = resolved.fault;
  faults.add(type, [...within, ...loc], msg);
  return null;
}

/** The policy of a record that the input names at `loc`, or of a field of it. Notes a fault where there is none. */
export function choosePolicyOfPlace(
  faults: Faults,
  policies: PolicyBook,
  place: { record: RecordRef; field: string | null },
  loc: string[],
): Policy | null {
  const resolved = resolvePolicy(policies, place);
  if ('policy' in resolved) return resolved.policy;
  faults.add(resolved.fault.type, [...loc, 'type'], resolved.fault.msg);
  return null;
}

/** The policy that a new attachment names, and the record, or type of record, and field that it is for. */
export interface CreationPolicyQuery {
  policy: string | null;
  record: RecordRef | null;
  recordType: string | null;
  field: string | null;
}

/** The policy that is named, if any, then the one of the record and field: where it is claimed at once, both must hold. */
export function choosePolicies(
  faults: Faults,
  policies: PolicyBook,
  { policy, record, recordType, field }: CreationPolicyQuery,
): Policy[] {
  const named = policy === null ? null : choosePolicy(faults, policies, { policy });
  const ofRecord =
    policy === null || record ? choosePolicy(faults, policies, { record, recordType, field }) : null;
  return [named, ofRecord].flatMap((one) => one ?? []);
}

/** The bytes that a new attachment may have at most, as far as policies say. Where there is none, that is told elsewhere. */
export function limitFileSize(policies: PolicyBook, query: CreationPolicyQuery): number {
  const limits = choosePolicies(new Faults(), policies, query).map(({ maxFileSize }) => maxFileSize);
  return Math.min(Number.POSITIVE_INFINITY, ...limits);
}

/** Whether content of a new attachment comes as clients of Cronofy send it: some write a data URL where base64 should be. */
export function isForCalendar(policies: PolicyBook, query: CreationPolicyQuery): boolean {
  return choosePolicies(new Faults(), policies, query).some(({ name }) => name === calendarPolicyName);
}

/** As `choosePolicy`; throws BAD_USER_INPUT where there is none. */
export function findPolicy(policies: PolicyBook, query: PolicyQuery): Policy {
  const faults = new Faults();
  const policy = choosePolicy(faults, policies, query, []);
  faults.throwIfAny();
  if (!policy) throw new Error('A policy that is missing has no fault.');
  return policy;
}

/**
 * The policy that holds: the one named; else that of the record type's field, of the record type, of the same field of the
 * record type `*`, of `*`; without a record, `default`. A fault is `unknown_policy` or `record_type_not_eligible`; its
 * `loc` is a path below the input.
 */
export function resolvePolicy(
  book: PolicyBook,
  { policy, record, recordType, field }: PolicyQuery,
): { policy: Policy } | { fault: FaultDetail } {
  const wanted = record?.type ?? recordType;
  if (policy != null || wanted == null) return findNamed(book, policy ?? defaultPolicyName);
  for (const type of [wanted, anyRecordType]) {
    const entry = book.recordTypes.get(type);
    const found = (field == null ? null : entry?.fields.get(field)) ?? entry?.policy;
    if (found) return { policy: found };
  }
  const msg = `Records of type ${JSON.stringify(wanted)} take no attachments${field == null ? '' : ' in this field'}.`;
  const loc = record ? ['record', 'type'] : ['recordType'];
  return { fault: { loc, type: 'record_type_not_eligible', msg } };
}

function findNamed({ policies }: PolicyBook, name: string): { policy: Policy } | { fault: FaultDetail } {
  const policy = policies.get(name);
  if (policy) return { policy };
  return {
    fault: { loc: ['policy'], type: 'unknown_policy', msg: `There is no policy ${JSON.stringify(name)}.` },
  };
}
