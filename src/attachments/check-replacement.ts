import type { EntityManager } from 'typeorm';
import { chooseFileName } from '../content-types/clean-file-name.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import type { AttachmentVersionRow } from '../database/entities/attachment-version.js';
import { AttachmentError, Faults } from '../errors.js';
import { checkDigest, type Digest } from '../intake/check-digest.js';
import type { Intake } from '../intake/intake.js';
import { recheckPolicy } from '../policies/check-policy.js';
import { findPolicy } from '../policies/choose-policy.js';
import type { PolicyBook } from '../policies/load-policies.js';
import type { Policy } from '../policies/policy.js';
import { checkContent } from './check-creation.js';
import { checkIdempotencyKey } from './idempotency.js';
import { policiesOf } from './update-attachment.js';

/** A client's statements about new content. */
export interface Statements {
  attachmentId: string;
  /** Null: the attachment keeps its name. */
  fileName: string | null;
  contentType: string | null;
  digest: Digest | null;
  /** The version that the attachment must be at. */
  expectedVersion: number | null;
  idempotencyKey: string | null;
}

/** The policies of all places of an attachment. One that is nowhere is held to `default`. */
export async function policiesOrDefault(
  manager: EntityManager,
  policies: PolicyBook,
  attachment: AttachmentRow,
): Promise<Policy[]> {
  const found = await policiesOf(manager, policies, attachment);
  return found.length > 0 ? found : [findPolicy(policies, {})];
}

/** Throws what the content has been refused with, together with all other faults that need no bytes. */
export function refuseWithAll(input: Statements, error: unknown): never {
  if (!(error instanceof AttachmentError) || error.status >= 500) throw error;
  const faults = new Faults();
  checkStatements(faults, input, null);
  throw error.with(faults.details, faults.limit);
}

/** Notes faults of the input alone. Returns the name that is given, cleaned; null without one. */
function checkStatements(faults: Faults, input: Statements, intake: Intake | null): string | null {
  const { fileName, digest, idempotencyKey } = input;
  if (digest) checkDigest(faults, digest, intake);
  if (idempotencyKey !== null) checkIdempotencyKey(faults, idempotencyKey);
  return fileName === null ? null : chooseFileName(faults, fileName, null);
}

/** Checks everything about new content, and throws every fault at once. */
export function checkReplacement(
  policies: readonly Policy[],
  attachment: AttachmentRow,
  input: Statements,
  intake: Intake,
): Pick<AttachmentVersionRow, 'fileName' | 'contentType'> {
  const faults = new Faults();
  const fileName = checkStatements(faults, input, intake) ?? attachment.fileName;
  const contentType = checkContent(faults, policies, input.contentType, { ...intake, fileName });
  faults.throwIfAny();
  return { fileName, contentType: contentType ?? '' };
}

/** For the transaction that keeps the content: the places may have changed since it was read. Throws what they do not accept. */
export async function recheckPlaces(
  policies: PolicyBook,
  manager: EntityManager,
  attachment: AttachmentRow,
  content: { fileName: string; contentType: string; size: number },
): Promise<void> {
  const faults = new Faults();
  const { fileName, contentType, size } = content;
  const replaced = Object.assign(new AttachmentRow(), attachment, { fileName, contentType, size });
  for (const policy of await policiesOrDefault(manager, policies, attachment))
    recheckPolicy(faults, policy, replaced, ['input', 'content']);
  faults.throwIfAny();
}
