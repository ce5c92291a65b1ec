import { findAttachment } from '../attachments/stored-attachment.js';
import { findApiKey } from '../auth/list-api-keys.js';
import { findDelivery } from '../webhooks/list-deliveries.js';
import type { GraphqlContext } from './context.js';
import { type ApiKey, toApiKey } from './types/api-key.js';
import { type Attachment, toAttachment } from './types/attachment.js';
import { toWebhookDelivery, type WebhookDelivery } from './types/webhook-delivery.js';

/** The object of any kind that has this id, of the kinds that the viewer may read. */
export async function findNode(
  { reader, viewer, access }: GraphqlContext,
  id: string,
): Promise<Attachment | ApiKey | WebhookDelivery | null> {
  const seesKeys = viewer.permissions.has('keys:admin');
  if (viewer.permissions.has('attachments:read')) {
    const attachment = await access.view(await findAttachment(reader, viewer, id));
    if (attachment) return toAttachment(attachment);
    const delivery = await findDelivery(reader, viewer, id);
    // It is seen by whoever sees its attachment.
    if (delivery && (await access.view(await findAttachment(reader, viewer, delivery.attachmentId))))
      return toWebhookDelivery(delivery);
  }
  const key = seesKeys ? await findApiKey(reader, viewer.organizationId, id) : null;
  return key && toApiKey(key);
}
