import { Faults } from '../faults.js';
import type { PolicyBook } from './load-policies.js';
import type { Policy } from './policy.js';
import type { RecordRef } from './record.js';
import { resolvePolicy } from './resolve-policy.js';

/** What a policy is looked up by; a named one comes first. */
export interface PolicyQuery {
  policy?: string | null;
  record?: RecordRef | null;
  field?: string | null;
}

/** The policy that holds for this name, or record and field. Notes a fault where there is none: nothing is accepted then. */
export function choosePolicy(
  faults: Faults,
  policies: PolicyBook,
  query: PolicyQuery,
  within: string[] = ['input'],
): Policy | null {
  const resolved = resolvePolicy(policies, {
    policy: query.policy ?? null,
    recordType: query.record?.type ?? null,
    field: query.field ?? null,
  });
  if ('policy' in resolved) return resolved.policy;
  const { loc, type, msg } = resolved.fault;
  faults.add('BAD_USER_INPUT', [...within, ...loc], type, msg);
  return null;
}

/** What a new attachment names and is claimed for. */
export interface CreationPolicyQuery {
  policy: string | null;
  record: RecordRef | null;
  field: string | null;
}

/** The policy that is named, if any, then the one of the record and field: where it is claimed at once, both must hold. */
export function choosePolicies(
  faults: Faults,
  policies: PolicyBook,
  { policy, record, field }: CreationPolicyQuery,
): Policy[] {
  const named = policy === null ? null : choosePolicy(faults, policies, { policy });
  const ofRecord = policy === null || record ? choosePolicy(faults, policies, { record, field }) : null;
  return [named, ofRecord].flatMap((one) => one ?? []);
}

/** The bytes that a new attachment may have at most, as far as policies say. Where there is none, that is told elsewhere. */
export function limitFileSize(policies: PolicyBook, query: CreationPolicyQuery): number {
  const limits = choosePolicies(new Faults(), policies, query).map(({ maxFileSize }) => maxFileSize);
  return Math.min(Number.POSITIVE_INFINITY, ...limits);
}

/** As `choosePolicy`; throws BAD_USER_INPUT where there is none. */
export function findPolicy(policies: PolicyBook, query: PolicyQuery): Policy {
  const faults = new Faults();
  const policy = choosePolicy(faults, policies, query, []);
  faults.throwIfAny();
  if (!policy) throw new Error('A policy that is missing has no fault.');
  return policy;
}
