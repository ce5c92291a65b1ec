import type { Logger } from 'typeorm';

/** Counts the SQL statements of a service; give it as `statementLogger`. */
export class StatementCounter implements Logger {
  readonly statements: string[] = [];

  logQuery(query: string): void {
    this.statements.push(query);
  }

  /** The statements that `work` causes. */
  async during(work: () => Promise<unknown>): Promise<string[]> {
    const before = this.statements.length;
    await work();
    // One is asked twice a second, whatever else happens.
    return this.statements.slice(before).filter((sql) => sql !== 'SELECT 1 FROM webhook_events LIMIT 1');
  }

  /**
   * How many statements `work` needs, but for those that look its credential up again after a second: the fewest of several runs,
   * for what the service does by itself may come in between. Of those that `kind` describes, or of all.
   */
  async fewest(work: () => Promise<unknown>, kind = /^/): Promise<number> {
    const counts: number[] = [];
    for (let run = 0; run < 15; run += 1) {
      const caused = await this.during(work);
      counts.push(caused.filter((sql) => !/\bapi_keys\b/.test(sql) && kind.test(sql)).length);
    }
    return Math.min(...counts);
  }

  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}
