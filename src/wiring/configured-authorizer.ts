import { allowAll, type RecordAuthorizer } from '../auth/record-authorizer.js';
import type { Config } from '../config.js';
import type { Log } from './log.js';

/** Asks where the settings say so; else everybody may see and change every record of the organization. */
export async function createConfiguredAuthorizer(
  { recordAuthorizerUrl: url }: Config,
  log: Log,
): Promise<RecordAuthorizer> {
  if (url === null) return allowAll;
  const { createOpaAuthorizer } = await import('../auth/opa-authorizer.js');
  return createOpaAuthorizer({
    url,
    onNoAnswer: (err) => log.warn({ err }, 'no answer of the record authorizer: refused'),
  });
}
