import type { AttachmentRow } from '../database/entities/attachment.js';
import type { Faults } from '../faults.js';
import { checkPolicy } from './check-policy.js';
import type { Policy } from './policy.js';

/** Notes what keeps an attachment that exists already, perhaps under another policy, from where this policy holds. */
export function recheckPolicy(
  faults: Faults,
  policy: Policy,
  attachment: AttachmentRow,
  loc: (string | number)[],
): void {
  for (const { code, type, msg, limit } of checkPolicy(policy, attachment)) {
    faults.add(code, loc, type, msg, limit);
  }
}
