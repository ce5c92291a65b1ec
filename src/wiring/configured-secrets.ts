import { keepSecret } from '../auth/secrets.js';
import type { Config } from '../config.js';
import { makeWebhookSecret } from '../webhooks/sign.js';

/** The first signs URLs and upload tokens, all are accepted. Made and kept in the data directory where none is set. */
export async function configuredSigningSecrets(config: Config): Promise<[string, ...string[]]> {
  const [first, ...others] = config.signingSecrets ?? [];
  return first === undefined
    ? [await keepSecret(config.dataDirectory, 'signing-secret')]
    : [first, ...others];
}

/** Every one signs each delivery. Made and kept in the data directory where none is set. */
export async function configuredWebhookSecrets(config: Config): Promise<readonly string[]> {
  return (
    config.webhookSecrets ?? [await keepSecret(config.dataDirectory, 'webhook-secret', makeWebhookSecret)]
  );
}
