import { stat } from 'node:fs/promises';
import { type Config, loadConfig } from '../config/config.js';
import { databaseFile } from '../database/database-file.js';

/** Whether the database that the settings name is there, made by any version. Makes nothing. */
export async function hasConfiguredDatabase({ postgres, dataDirectory }: Config): Promise<boolean> {
  if (postgres === null) {
    const size = await stat(databaseFile(dataDirectory)).then(
      (found) => found.size,
      () => 0,
    );
    return size > 0;
  }
  const { hasTables } = await import('../database/postgres.js');
  return hasTables(postgres);
}

/** The settings in the environment, for commands that only make sense on a database that is there. */
export async function loadExistingConfig(): Promise<Config> {
  const config = loadConfig(process.env);
  await assertDatabase(config);
  return config;
}

/** Throws, naming the setting, unless the database is there. Makes nothing, and loads nothing for the embedded one. */
export async function assertDatabase(config: Config): Promise<void> {
  if (await hasConfiguredDatabase(config)) return;
  throw new Error(
    config.postgres === null
      ? `There is no database in ${config.dataDirectory}: is DATA_DIR the folder of the service?`
      : 'The database in DATABASE_URL has no tables of Claimcheck: is it the one of the service?',
  );
}
