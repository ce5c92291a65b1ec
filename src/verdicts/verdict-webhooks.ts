import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { RejectionReason } from '../database/entities/verdict.js';
import type { Faults } from '../errors.js';
import type { StoredAttachment } from '../model/stored-attachment.js';

/** Why an attachment was rejected. */
export interface Rejection {
  reason: RejectionReason;
  message: string;
  signature: string | null;
}

/** An attachment whose verdict has just been written. */
export interface JudgedAttachment extends StoredAttachment {
  rejection: Rejection | null;
}

export type Interaction = 'ATTACHMENT_APPROVED' | 'ATTACHMENT_REJECTED';

/** A wish to be told of a verdict. */
export interface WebhookSubscription {
  uri: string;
  interactions: readonly Interaction[];
}

/** Tells receivers outside of the service of verdicts. */
export interface VerdictWebhooks {
  /** Notes what is wrong with subscriptions that a client has sent. */
  check(
    faults: Faults,
    subscriptions: readonly WebhookSubscription[],
    loc: (string | number)[],
  ): Promise<void>;
  /** Inside the transaction that creates the attachment. */
  subscribe(
    manager: EntityManager,
    viewer: Viewer,
    attachmentId: string,
    subscriptions: readonly WebhookSubscription[],
    now: Date,
  ): Promise<void>;
  /** Inside the transaction that writes the verdict, approved or rejected. */
  announce(manager: EntityManager, judged: JudgedAttachment, now: Date): Promise<void>;
  /** Inside the transaction that deletes the attachments. */
  forget(manager: EntityManager, attachmentIds: readonly string[]): Promise<void>;
}
