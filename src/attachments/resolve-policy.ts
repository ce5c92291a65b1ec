import type { PolicyBook } from './load-policies.js';
import type { Policy } from './policy.js';

export function resolvePolicy(
  book: PolicyBook,
  query: { policy?: string | null; recordType?: string | null; field?: string | null },
): { policy: Policy } | { fault: { loc: string[]; type: string; msg: string } } {
  const policy = book.policies.get(query.policy ?? 'default');
  return policy
    ? { policy }
    : { fault: { loc: ['policy'], type: 'unknown_policy', msg: 'There is no such policy.' } };
}
