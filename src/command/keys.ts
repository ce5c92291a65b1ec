import { loadConfig } from '../config.js';
import { openConfiguredDatabase } from '../wiring/open-stores.js';
import { createKey, type NewKeyOptions } from './create-key.js';
import type { KeyCommand } from './key-command.js';
import { listKeys } from './list-keys.js';
import { revokeKey } from './revoke-key.js';

export const create = (options: NewKeyOptions) => onDatabase((deps) => createKey(deps, options));
export const list = (options: { organization?: string }) => onDatabase((deps) => listKeys(deps, options));
export const revoke = (id: string) => onDatabase((deps) => revokeKey(deps, id));

async function onDatabase(run: (deps: KeyCommand) => Promise<void>): Promise<void> {
  const database = await openConfiguredDatabase(loadConfig(process.env));
  try {
    await run({
      database,
      clock: database.clock,
      print: (line) => process.stdout.write(`${line}\n`),
      remark: (line) => process.stderr.write(`${line}\n`),
    });
  } finally {
    await database.close();
  }
}
