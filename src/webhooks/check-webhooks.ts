import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { allowedPorts, portOf, type WebhookPorts } from '../config/integration-settings.js';
import { FairTurns } from '../database/fair-turns.js';
import { checkCharacters, Faults, type FaultTypeOf, type Loc } from '../errors.js';
import type { WebhookSubscription } from '../verdicts/record-verdict.js';

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

/** The viewer, or the organization whose name servers are asked. */
interface Asking {
  organizationId: string;
}

/**
 * Adds to `faults` what is wrong with the subscriptions that stand at `loc` in the input: BAD_USER_INPUT for their number and
 * their interactions, WEBHOOK_URI_NOT_ALLOWED for where they lead. Asks name servers, for two seconds at most, so it is to be
 * awaited before a transaction begins. A name nobody knows yet passes: it is checked again at each connection.
 */
export async function checkWebhooks(
  faults: Faults,
  deps: CheckWebhooksDependencies,
  asking: Asking,
  webhooks: readonly WebhookSubscription[],
  loc: Location,
): Promise<void> {
  if (webhooks.length > maxWebhooks) {
    faults.add('too_many', [...loc], `At most ${maxWebhooks} are allowed.`, { limit: maxWebhooks });
    return;
  }
  const uriFaults = await Promise.all(webhooks.map(({ uri }) => findUriFault(deps, asking, uri)));
  for (const [index, { interactions }] of webhooks.entries()) {
    addUriFault(faults, uriFaults[index] ?? null, [...loc, index, 'uri']);
    if (interactions.length === 0) {
      const msg = 'Must name at least one interaction.';
      faults.add('empty', [...loc, index, 'interactions'], msg);
    }
  }
}

const maxDescriptionLength = 255;

interface EndpointInput {
  uri?: string | undefined;
  events?: readonly unknown[] | undefined;
  description?: string | null | undefined;
}

/**
 * Throws BAD_USER_INPUT and WEBHOOK_URI_NOT_ALLOWED for what is wrong with an endpoint's input, all of it at once. Asks name servers
 * as `checkWebhooks` does.
 */
export async function checkEndpoint(
  deps: CheckWebhooksDependencies,
  asking: Asking,
  { uri, events, description }: EndpointInput,
): Promise<void> {
  const faults = new Faults();
  if (typeof description === 'string') checkDescription(faults, description, ['input', 'description']);
  if (uri !== undefined) addUriFault(faults, await findUriFault(deps, asking, uri), ['input', 'uri']);
  if (events?.length === 0) faults.add('empty', ['input', 'events'], 'Must name at least one event.');
  faults.throwIfAny();
}

function checkDescription(faults: Faults, description: string, loc: Loc): void {
  if (description.length > maxDescriptionLength) {
    const msg = `Must have at most ${maxDescriptionLength} characters.`;
    faults.add('too_long', loc, msg, { limit: maxDescriptionLength });
  }
  checkCharacters(faults, description, loc);
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

async function findUriFault(
  deps: CheckWebhooksDependencies,
  { organizationId }: Asking,
  uri: string,
): Promise<UriFault | null> {
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
  const resolve: ResolveName = (name) => lookups.run(organizationId, () => deps.resolveName(name));
  return (await resolvesToForbidden(resolve, url.hostname)) ? notPublic : null;
}

async function resolvesToForbidden(resolveName: ResolveName, hostname: string): Promise<boolean> {
  if (literalAddress(hostname) !== null) return false;
  const addresses = await resolveInTime(resolveName, hostname);
  return addresses.some(({ address }) => !isPublicAddress(address));
}

/**
 * Names that are looked up at the same time: each takes a thread of the process until its name server answers. An organization whose
 * name servers hang leaves one to the others.
 */
const lookups = new FairTurns({ seats: [1, 2, 3], seatsOfOneKey: 2, patienceMs: resolveTimeoutMs });

/** None where the name is unknown or its server too slow, or too many others wait for theirs. */
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

/** The connection was refused by us: the receiver is, or its name stands for, an address that is not public. */
export class ForbiddenAddressError extends Error {
  constructor() {
    super('The address is not public.');
    this.name = 'ForbiddenAddressError';
  }
}

/** Everything that is handed out to the public internet today lies in here; what looks public outside of it is not. */
const globalIpv6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** Public by its number, but inside a well-known cloud the address of the machine's own host. */
const hostAddresses = new Set(['168.63.129.16']);

/**
 * Whether `address` is one of the public internet's. Not so: loopback, private, link-local (the metadata of clouds),
 * carrier-grade NAT, multicast, reserved and documentation ranges, and every IPv6 form that only wraps an IPv4 address
 * (mapped, compatible, NAT64, 6to4, Teredo).
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0 || hostAddresses.has(address)) return false;
  if (family === 4) return ipaddr.IPv4.parse(address).range() === 'unicast';
  const parsed = ipaddr.IPv6.parse(address);
  return parsed.range() === 'unicast' && parsed.match(globalIpv6);
}

/** The address that a URL's host is written as, without brackets; null where it is a name. */
function literalAddress(hostname: string): string | null {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? null : bare;
}

/** Names that stand for the machine itself, whatever a name server says. */
function isLocalName(hostname: string): boolean {
  return /(?:^|\.)localhost(?:\.localdomain)?\.?$/i.test(hostname);
}

/** Whether the host is forbidden by what it says, without asking a name server. */
export function isForbiddenHost(hostname: string): boolean {
  const address = literalAddress(hostname);
  return address === null ? isLocalName(hostname) : !isPublicAddress(address);
}

/** An address a name stands for. */
export interface ResolvedAddress {
  address: string;
  family: 4 | 6;
}

/** All addresses of a name; rejects where there are none. */
export type ResolveName = (name: string) => Promise<ResolvedAddress[]>;

/** As the operating system does for every other program. */
export const resolveName: ResolveName = async (name) => {
  const found = await lookup(name, { all: true, order: 'verbatim' });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
};
