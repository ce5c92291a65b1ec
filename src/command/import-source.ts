import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { Client } from 'undici';
import type { Config } from '../config/config.js';
import { allowedPorts } from '../config/webhook-ports.js';
import { ForbiddenAddressError, resolveName } from '../webhooks/address-guard.js';
import {
  createGuardedConnector,
  createOpenConnector,
  ForbiddenPortError,
} from '../webhooks/guarded-connector.js';

/** A line that is not imported, and why. */
export class Refused extends Error {}

/** The file at a path below the folder, links followed. Throws Refused for any other. */
export async function openPath(folder: string, path: string): Promise<Readable> {
  const root = await realpath(folder);
  const real = await realpath(resolve(root, path)).catch(() => null);
  if (real === null) throw new Refused('path: there is no such file');
  if (!real.startsWith(root + sep)) throw new Refused('path: it leads out of the folder');
  if (!(await stat(real)).isFile()) throw new Refused('path: it is no file');
  return createReadStream(real);
}

const timeoutMs = 30_000;

/** The content at an address, which must be public unless WEBHOOK_ALLOW_PRIVATE says otherwise. Follows no redirects. Throws Refused. */
export async function openUrl(
  { webhookAllowPrivate, webhookPorts }: Pick<Config, 'webhookAllowPrivate' | 'webhookPorts'>,
  text: string,
  signal: AbortSignal,
): Promise<Readable> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol)) throw new Refused('url: must be an http or https URL');
  if (url.username !== '' || url.password !== '')
    throw new Refused('url: must not have a user name or password');
  const ports = allowedPorts({ webhookPorts, webhookAllowPrivate });
  const createConnector = webhookAllowPrivate ? createOpenConnector : createGuardedConnector;
  const connect = createConnector(resolveName, timeoutMs, ports);
  const times = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
  const client = new Client(url.origin, { connect, pipelining: 0, ...times });
  try {
    const path = `${url.pathname}${url.search}`;
    const { statusCode, body } = await client.request({ method: 'GET', path, signal });
    if (statusCode !== 200) throw new Refused(`url: it answers ${statusCode}`);
    return body.once('close', () => client.destroy(() => undefined));
  } catch (error) {
    client.destroy(() => undefined);
    signal.throwIfAborted();
    throw error instanceof Refused ? error : new Refused(`url: ${describe(error)}`);
  }
}

function describe(error: unknown): string {
  if (error instanceof ForbiddenAddressError || error instanceof ForbiddenPortError) return error.message;
  const code = (error as { code?: unknown } | null)?.code;
  return `it cannot be fetched${typeof code === 'string' ? ` (${code})` : ''}`;
}
