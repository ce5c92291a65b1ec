import type { Database } from '../database/database.js';

/** What the commands on keys work with. */
export interface KeyCommand {
  database: Database;
  clock: () => Date;
  /** The result. */
  print(line: string): void;
  /** What is said beside the result. */
  remark(line: string): void;
}
