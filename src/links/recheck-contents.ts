import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { AttachmentRow } from '../database/entities/attachment.js';
import type { Faults } from '../errors.js';
import { readVersions, withContent } from '../model/versions.js';
import { recheckPolicy } from '../policies/check-policy.js';
import type { Policy } from '../policies/policy.js';
import type { LocOf } from './claim-for-record.js';

/**
 * Notes what keeps attachments from where this policy holds: their content, and any that will take its place once it is approved.
 * The attachments are locked, so that no other content comes meanwhile.
 */
export async function recheckContents(
  manager: EntityManager,
  viewer: Viewer,
  { faults, policy, locOf }: { faults: Faults; policy: Policy; locOf: LocOf },
  attachments: readonly AttachmentRow[],
): Promise<void> {
  for (const [index, attachment] of attachments.entries())
    recheckPolicy(faults, policy, attachment, locOf(index));
  const ids = attachments.map(({ id }) => id);
  for (const { version, blob } of await readVersions(manager, viewer, ids)) {
    const index = ids.indexOf(version.attachmentId);
    const attachment = attachments[index];
    if (!attachment || version.approvedAt !== null || blob.verdict === 'REJECTED') continue;
    recheckPolicy(faults, policy, withContent(attachment, version), locOf(index));
  }
}
