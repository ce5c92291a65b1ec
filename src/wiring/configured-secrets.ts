import { keepSecret, type SecretKind } from '../auth/secrets.js';
import type { Config } from '../config.js';
import { isWebhookSecret } from '../setting-formats.js';
import { makeWebhookSecret } from '../webhooks/sign.js';
import type { Log } from './log.js';

const webhookSecret: SecretKind = { make: makeWebhookSecret, isGood: isWebhookSecret };

/** The first signs URLs and upload tokens, all are accepted. Made and kept in the data directory where none is set. */
export async function configuredSigningSecrets(config: Config): Promise<[string, ...string[]]> {
  const [first, ...others] = config.signingSecrets ?? [];
  return first === undefined
    ? [await keepSecret(config.dataDirectory, 'signing-secret')]
    : [first, ...others];
}

/** Every one signs each delivery. Made and kept in the data directory where none is set. */
export async function configuredWebhookSecrets(config: Config): Promise<readonly string[]> {
  return config.webhookSecrets ?? [await keepSecret(config.dataDirectory, 'webhook-secret', webhookSecret)];
}

/** Several processes may share a database: then each secret must be the same in all of them. */
export function warnOfUnsharedSecrets(
  { postgres, signingSecrets, webhookSecrets }: Config,
  log: Pick<Log, 'warn'>,
): void {
  if (postgres === null) return;
  const unset = [
    ...(signingSecrets ? [] : ['SIGNING_SECRET']),
    ...(webhookSecrets ? [] : ['WEBHOOK_SECRET']),
  ];
  for (const name of unset) {
    log.warn(
      `${name} is not set: it is kept in DATA_DIR, and processes with another one do not work together`,
    );
  }
}
