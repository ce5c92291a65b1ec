import type { EntityManager } from 'typeorm';
import type { Faults } from '../faults.js';
import type { Jobs } from '../jobs/jobs.js';
import { type CheckWebhooksDependencies, checkWebhooks, type WebhookSubscription } from './check-webhooks.js';
import { fanOut, type WebhookEvent } from './fan-out.js';
import { forgetWebhooks } from './forget-webhooks.js';
import { subscribe } from './subscribe.js';

export interface WebhooksDependencies extends CheckWebhooksDependencies {
  jobs: Pick<Jobs, 'enqueue'>;
}

/** An attachment that has a verdict. */
interface Judged {
  attachment: { id: string; organizationId: string; fileName: string; contentType: string; size: number };
  blob: { md5: string; sha256: string; verdict: string };
  rejection: WebhookEvent['rejection'];
}

/** Tells receivers outside of verdicts, by deliveries that are written with them. */
export function createWebhooks(deps: WebhooksDependencies) {
  return {
    check: (faults: Faults, webhooks: readonly WebhookSubscription[], loc: (string | number)[]) =>
      checkWebhooks(faults, deps, webhooks, loc),
    subscribe,
    announce: (manager: EntityManager, judged: Judged, now: Date) =>
      fanOut(deps, manager, toEvent(judged, now)),
    forget: (manager: EntityManager, attachmentId: string) => forgetWebhooks(manager, attachmentId),
  };
}

function toEvent({ attachment, blob, rejection }: Judged, now: Date): WebhookEvent {
  const { md5, sha256, verdict: status } = blob;
  return {
    interaction: status === 'REJECTED' ? 'ATTACHMENT_REJECTED' : 'ATTACHMENT_APPROVED',
    attachment: { ...attachment, md5, sha256, status },
    rejection,
    now,
  };
}
