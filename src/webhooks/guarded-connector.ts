import type { LookupFunction, Socket } from 'node:net';
import { buildConnector } from 'undici';
import { allowedPorts, portOf, type WebhookPorts } from '../config/integration-settings.js';
import {
  ForbiddenAddressError,
  isForbiddenHost,
  isPublicAddress,
  type ResolvedAddress,
  type ResolveName,
} from './check-webhooks.js';

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

/** How many may come before the final answer, and how many bytes each may have. */
const maxInformational = 20;
const maxHeadBytes = 16_384;

const informational = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r]/;
/** Bytes of a status line that tell whether it is informational. */
const statusBytes = 'HTTP/1.1 100 '.length;

/**
 * Passes over what a receiver sends before its answer without being asked, such as `100 Continue`: the client's parser takes that
 * for a fault. A receiver that sends more than 20 of them is cut off.
 */
function skipInformational(socket: Socket): void {
  const read = socket.read.bind(socket);
  let head = Buffer.alloc(0);
  let skipped = 0;
  let isPassed = false;

  /** The rest of `head` after informational answers; null while more is to come. */
  const rest = (): Buffer | null => {
    for (;;) {
      if (head.length < statusBytes) return null;
      if (!informational.test(head.toString('latin1', 0, statusBytes))) return head;
      const end = head.indexOf('\r\n\r\n');
      if (end === -1 && head.length <= maxHeadBytes) return null;
      skipped += 1;
      if (end === -1 || skipped > maxInformational) {
        socket.destroy(new TooManyInformationalError());
        return null;
      }
      head = head.subarray(end + 4);
    }
  };
  socket.read = (size?: number): unknown => {
    if (isPassed) return read(size);
    for (;;) {
      const chunk: unknown = read();
      // The parser refuses an answer that ends within its first line.
      if (!Buffer.isBuffer(chunk)) return chunk;
      head = Buffer.concat([head, chunk]);
      const answer = rest();
      if (answer === null) continue;
      isPassed = true;
      return answer;
    }
  };
}

class TooManyInformationalError extends Error {
  readonly code = 'TOO_MANY_INFORMATIONAL_ANSWERS';
}
