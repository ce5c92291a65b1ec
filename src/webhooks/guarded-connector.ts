import type { LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { allowedPorts, portOf, type WebhookPorts } from '../webhook-ports.js';
import { ForbiddenAddressError, isForbiddenHost, isPublicAddress } from './address-guard.js';
import { skipInformational } from './informational-answers.js';
import type { ResolvedAddress, ResolveName } from './resolve-name.js';

/** The connection was refused by us for its port. */
export class ForbiddenPortError extends Error {
  constructor() {
    super('The port is not allowed.');
    this.name = 'ForbiddenPortError';
  }
}

/**
 * Opens connections to public addresses only. A name is resolved once, every address it has is checked, and the connection goes
 * to one of just those: a name that changes its meaning in between gains nothing. Addresses written in a URL are checked too,
 * which Node resolves without asking.
 */
export function createGuardedConnector(
  resolveName: ResolveName,
  timeoutMs: number,
  ports = allowedPorts({ webhookAllowPrivate: false }),
): buildConnector.connector {
  const connect = createConnector(createGuardedLookup(resolveName), timeoutMs, ports);
  return (options, callback) =>
    isForbiddenHost(options.hostname)
      ? callback(new ForbiddenAddressError(), null)
      : connect(options, callback);
}

/** As guarded, but lets every address pass. */
export function createOpenConnector(
  resolveName: ResolveName,
  timeoutMs: number,
  ports = allowedPorts({ webhookAllowPrivate: true }),
): buildConnector.connector {
  return createConnector(createLookup(resolveName), timeoutMs, ports);
}

function createConnector(
  lookup: LookupFunction,
  timeoutMs: number,
  ports: WebhookPorts,
): buildConnector.connector {
  const connect = buildConnector({ lookup, timeout: timeoutMs });
  return (options, callback) => {
    if (!ports.allows(portOf(options))) return callback(new ForbiddenPortError(), null);
    return connect(options, (...outcome) => {
      if (outcome[1]) skipInformational(outcome[1]);
      callback(...outcome);
    });
  };
}

/** Resolves names for a connection; fails where any of their addresses is not public. */
export function createGuardedLookup(resolveName: ResolveName): LookupFunction {
  return createLookup(async (name) => {
    const found = await resolveName(name);
    if (!found.every(({ address }) => isPublicAddress(address))) throw new ForbiddenAddressError();
    return found;
  });
}

function createLookup(resolveName: ResolveName): LookupFunction {
  return (name, { all }, callback) => {
    const answer = (found: ResolvedAddress[]) => {
      const [first] = found;
      if (!first) return callback(new Error('The name has no address.'), '');
      return all ? callback(null, found) : callback(null, first.address, first.family);
    };
    resolveName(name).then(answer, (error: NodeJS.ErrnoException) => callback(error, ''));
  };
}
