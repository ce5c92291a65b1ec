import { allowedPorts, portOf, type WebhookPorts } from '../config/webhook-ports.js';
import type { WebhookInteraction } from '../database/entities/webhook-subscription.js';
import type { Faults, FaultTypeOf } from '../errors.js';
import { isForbiddenHost, isPublicAddress, literalAddress, type ResolveName } from './address-guard.js';

/** A subscription as a client asks for it. */
export interface WebhookSubscription {
  uri: string;
  interactions: readonly WebhookInteraction[];
}

export interface CheckWebhooksDependencies {
  /** Lets webhooks reach private and loopback addresses. */
  webhookAllowPrivate: boolean;
  /** To which webhooks may go; the usual ones if left out. */
  webhookPorts?: WebhookPorts | null;
  resolveName: ResolveName;
}

type Location = readonly (string | number)[];

export const maxWebhooks = 10;
export const maxUriLength = 2_048;

const resolveTimeoutMs = 2_000;

/**
 * Adds to `faults` what is wrong with the subscriptions that stand at `loc` in the input: BAD_USER_INPUT for their number and
 * their interactions, WEBHOOK_URI_NOT_ALLOWED for where they lead. Asks name servers, for two seconds at most, so it is to be
 * awaited before a transaction begins. A name nobody knows yet passes: it is checked again at each connection.
 */
export async function checkWebhooks(
  faults: Faults,
  deps: CheckWebhooksDependencies,
  webhooks: readonly WebhookSubscription[],
  loc: Location,
): Promise<void> {
  if (webhooks.length > maxWebhooks) {
    faults.add('too_many', [...loc], `At most ${maxWebhooks} are allowed.`, { limit: maxWebhooks });
    return;
  }
  const uriFaults = await Promise.all(webhooks.map(({ uri }) => findUriFault(deps, uri)));
  for (const [index, { interactions }] of webhooks.entries()) {
    addUriFault(faults, uriFaults[index] ?? null, [...loc, index, 'uri']);
    if (interactions.length === 0) {
      const msg = 'Must name at least one interaction.';
      faults.add('empty', [...loc, index, 'interactions'], msg);
    }
  }
}

/** The same of one address, that of an endpoint. */
export async function checkWebhookUri(
  faults: Faults,
  deps: CheckWebhooksDependencies,
  uri: string,
  loc: Location,
): Promise<void> {
  addUriFault(faults, await findUriFault(deps, uri), loc);
}

function addUriFault(faults: Faults, fault: UriFault | null, loc: Location): void {
  if (fault) faults.add(fault.type, [...loc], fault.msg, { limit: fault.limit });
}

interface UriFault {
  type: FaultTypeOf<'WEBHOOK_URI_NOT_ALLOWED'>;
  msg: string;
  limit?: number;
}

const notPublic: UriFault = { type: 'address_not_public', msg: 'Must lead to a public address.' };

async function findUriFault(deps: CheckWebhooksDependencies, uri: string): Promise<UriFault | null> {
  if (uri.length > maxUriLength || !URL.canParse(uri)) {
    return {
      type: 'invalid_url',
      msg: `Must be an absolute URL of at most ${maxUriLength} characters.`,
      limit: maxUriLength,
    };
  }
  const url = new URL(uri);
  if (url.href.length > maxUriLength) {
    return {
      type: 'invalid_url',
      msg: `Must have at most ${maxUriLength} characters once encoded.`,
      limit: maxUriLength,
    };
  }
  if (!/^https?:$/.test(url.protocol)) return { type: 'invalid_scheme', msg: 'Must be http or https.' };
  if (url.username || url.password) {
    return { type: 'credentials_in_url', msg: 'Must not hold a user name or password.' };
  }
  if (!deps.webhookAllowPrivate && isForbiddenHost(url.hostname)) return notPublic;
  const ports = allowedPorts(deps);
  if (!ports.allows(portOf(url))) {
    const msg = `Port ${portOf(url)} is not allowed. Allowed are ${ports.description}.`;
    return { type: 'port_not_allowed', msg };
  }
  if (deps.webhookAllowPrivate) return null;
  return (await resolvesToForbidden(deps.resolveName, url.hostname)) ? notPublic : null;
}

async function resolvesToForbidden(resolveName: ResolveName, hostname: string): Promise<boolean> {
  if (literalAddress(hostname) !== null) return false;
  const addresses = await resolveInTime(resolveName, hostname);
  return addresses.some(({ address }) => !isPublicAddress(address));
}

/** None where the name is unknown or its server too slow. */
async function resolveInTime(resolveName: ResolveName, hostname: string) {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<[]>((resolve) => {
    timer = setTimeout(() => resolve([]), resolveTimeoutMs);
  });
  try {
    return await Promise.race([resolveName(hostname).catch(() => []), late]);
  } finally {
    clearTimeout(timer);
  }
}
