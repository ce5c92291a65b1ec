import type { EntityManager } from 'typeorm';
import type { AttachmentRow } from '../database/entities/attachment.js';
import { LinkRow } from '../database/entities/link.js';
import { RecordFieldRow } from '../database/entities/record-field.js';
import type { Faults } from '../faults.js';
import { checkType } from './check-policy.js';
import type { PolicyBook } from './load-policies.js';
import type { Policy } from './policy.js';
import { resolvePolicy } from './resolve-policy.js';

/** Notes where a new name is not accepted that an attachment shall have: by its record, or in a field that links to it. */
export async function recheckName(
  manager: EntityManager,
  policies: PolicyBook,
  faults: Faults,
  renamed: AttachmentRow,
): Promise<void> {
  for (const policy of await policiesOf(manager, policies, renamed)) {
    for (const { code, type, msg } of checkType(policy, renamed)) {
      faults.add(code, ['input', 'fileName'], type, msg);
    }
  }
}

/** Each once. Where there is none any more, nothing is held against what is there already. */
async function policiesOf(
  manager: EntityManager,
  policies: PolicyBook,
  { id: attachmentId, organizationId, recordType }: AttachmentRow,
): Promise<Policy[]> {
  // Joined, not listed: a shared attachment may have more fields than a statement has parameters.
  const places = await manager
    .createQueryBuilder(RecordFieldRow, 'field')
    .innerJoin(LinkRow, 'link', 'link.fieldId = field.id')
    .select('field.recordType', 'recordType')
    .addSelect('field.name', 'field')
    .distinct(true)
    .where('link.attachmentId = :attachmentId', { attachmentId })
    .andWhere('field.organizationId = :organizationId', { organizationId })
    .getRawMany<{ recordType: string; field: string | null }>();
  if (recordType !== null) places.push({ recordType, field: null });
  const found = places.map((place) => resolvePolicy(policies, place));
  return [...new Set(found.flatMap((one) => ('policy' in one ? one.policy : [])))];
}
