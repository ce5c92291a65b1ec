import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** The headers by which a receiver knows a webhook, its age and its sender. */
export type SignedHeaders = Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>;

/** Signs one attempt at sending `body` with every secret, so that receivers may change from one to the other meanwhile. */
export type Sign = (id: string, body: string, now: Date) => SignedHeaders;

/** `secrets` are written as Standard Webhooks has it: `whsec_` and base64. */
export function createSign(secrets: readonly string[]): Sign {
  const signers = secrets.map((secret) => new Webhook(secret));
  return (id, body, now) => ({
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': signers.map((signer) => signer.sign(id, now, body)).join(' '),
  });
}

export const makeWebhookSecret = () => `whsec_${randomBytes(32).toString('base64')}`;
