import type { Logger } from 'typeorm';

/** Counts the SQL statements of a service; give it as `statementLogger`. */
export class StatementCounter implements Logger {
  readonly statements: string[] = [];

  logQuery(query: string): void {
    // Asked twice a second, whatever else happens.
    if (query !== 'SELECT 1 FROM webhook_events LIMIT 1') this.statements.push(query);
  }

  /** The statements that `work` causes. */
  async during(work: () => Promise<unknown>): Promise<string[]> {
    const before = this.statements.length;
    await work();
    return this.statements.slice(before);
  }

  /** How many statements `work` needs: the fewest of several runs, for what the service does by itself may come in between. */
  async fewest(work: () => Promise<unknown>): Promise<number> {
    const counts: number[] = [];
    for (let run = 0; run < 5; run += 1) counts.push((await this.during(work)).length);
    return Math.min(...counts);
  }

  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}
