import { revokeApiKey } from '../auth/revoke-api-key.js';
import { AttachmentError } from '../errors.js';
import type { KeyCommand } from './key-command.js';

/** Ends a key of any organization; again: nothing changes. */
export async function revokeKey(deps: KeyCommand, id: string): Promise<void> {
  const row = await revokeApiKey(deps, null, id).catch((error: unknown) => {
    const isUnknown = error instanceof AttachmentError && error.code === 'NOT_FOUND';
    throw isUnknown ? new Error(`There is no key with the id ${id}.`, { cause: error }) : error;
  });
  deps.print(`Revoked ${row.name} (${row.prefix}…).`);
}
