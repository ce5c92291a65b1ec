import { stat } from 'node:fs/promises';
import { type Config, loadConfig } from '../config/config.js';
import { databaseFile } from '../database/database-file.js';
import type { DatabaseState } from '../database/database-state.js';

/** The database that the settings name, as it is found. Changes nothing, and loads nothing if there is no embedded one. */
export async function stateOfDatabase({ postgres, dataDirectory }: Config): Promise<DatabaseState> {
  if (postgres !== null) {
    const { postgresState } = await import('../database/postgres-state.js');
    return postgresState(postgres);
  }
  const size = await stat(databaseFile(dataDirectory)).then(
    (found) => found.size,
    () => 0,
  );
  if (size === 0) return 'missing';
  const { sqliteState } = await import('../database/database-state.js');
  return sqliteState(dataDirectory);
}

/** The settings in the environment, for commands that only make sense on a database that is there, made by any version. */
export async function loadExistingConfig(): Promise<Config> {
  const config = loadConfig(process.env);
  assertThere(config, await stateOfDatabase(config));
  return config;
}

/** The same, for commands that must not change the tables: those of an older version are not for them. */
export async function loadCurrentConfig(): Promise<Config> {
  const config = loadConfig(process.env);
  await assertCurrent(config);
  return config;
}

/** Throws unless the database is there and has the tables of this version. Makes nothing. */
export async function assertCurrent(config: Config): Promise<void> {
  const state = await stateOfDatabase(config);
  assertThere(config, state);
  if (state === 'current') return;
  throw new Error(
    'The database is of an older version: run claimcheck migrate, or start the service, and then this again.',
  );
}

function assertThere({ postgres, dataDirectory }: Config, state: DatabaseState): void {
  if (state !== 'missing') return;
  throw new Error(
    postgres === null
      ? `There is no database in ${dataDirectory}: is DATA_DIR the folder of the service?`
      : 'The database in DATABASE_URL has no tables of Claimcheck: is it the one of the service?',
  );
}
