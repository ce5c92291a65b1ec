import type { AttachmentRow } from '../database/entities/attachment.js';
import type { Faults } from '../faults.js';
import { typesFor } from './agree-content-type.js';
import { checkPolicy } from './check-policy.js';
import type { Policy } from './policy.js';

/** Notes what keeps an attachment that exists already, perhaps under another policy, from where this policy holds. */
export function recheckPolicy(
  faults: Faults,
  policy: Policy,
  { size, contentType, fileName }: AttachmentRow,
  loc: (string | number)[],
): void {
  const judgements = typesFor(contentType, fileName).map((type) =>
    checkPolicy(policy, { size, contentType: type, fileName }),
  );
  if (judgements.some((found) => found.length === 0)) return;
  for (const { code, type, msg, limit } of judgements[0] ?? []) faults.add(code, loc, type, msg, limit);
}
