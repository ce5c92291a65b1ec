import { createOpaAuthorizer } from '../auth/opa-authorizer.js';
import { allowAll, type RecordAuthorizer } from '../auth/record-authorizer.js';
import type { Config } from '../config.js';
import type { Log } from './log.js';

/** Asks where the settings say so; else everybody may see and change every record of the organization. */
export function createConfiguredAuthorizer({ recordAuthorizerUrl: url }: Config, log: Log): RecordAuthorizer {
  if (url === null) return allowAll;
  return createOpaAuthorizer({
    url,
    onNoAnswer: (err) => log.warn({ err }, 'no answer of the record authorizer: refused'),
  });
}
