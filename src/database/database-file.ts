import { join } from 'node:path';

/** The file of the embedded database; SQLite adds `-wal` and `-shm` beside it. */
export const databaseFile = (dataDirectory: string) => join(dataDirectory, 'claimcheck.sqlite');
