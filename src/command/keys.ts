import { loadConfig } from '../config.js';
import type { Database } from '../database/database.js';
import {
  hasConfiguredDatabase,
  openConfiguredDatabase,
  openExistingDatabase,
} from '../wiring/open-stores.js';
import { createKey, type NewKeyOptions } from './create-key.js';
import type { KeyCommand } from './key-command.js';
import { listKeys } from './list-keys.js';
import { revokeKey } from './revoke-key.js';

const remark = (line: string): void => void process.stderr.write(`${line}\n`);

/** Makes a database too, and says so: in the wrong folder the key opens nothing. */
export async function create(options: NewKeyOptions): Promise<void> {
  const config = loadConfig(process.env);
  const isThere = await hasConfiguredDatabase(config);
  await onDatabase(await openConfiguredDatabase(config), (deps) => createKey(deps, options));
  if (isThere) return;
  const place = config.postgres ? 'DATABASE_URL' : `${config.dataDirectory} (DATA_DIR)`;
  remark(`There was no database in ${place}: a new one was made.`);
}

export const list = (options: { organization?: string }) => onExisting((deps) => listKeys(deps, options));
export const revoke = (id: string) => onExisting((deps) => revokeKey(deps, id));

const onExisting = async (run: (deps: KeyCommand) => Promise<void>) =>
  onDatabase(await openExistingDatabase(loadConfig(process.env)), run);

async function onDatabase(database: Database, run: (deps: KeyCommand) => Promise<void>): Promise<void> {
  try {
    const print = (line: string) => process.stdout.write(`${line}\n`);
    await run({ database, clock: database.clock, print, remark });
  } finally {
    await database.close();
  }
}
