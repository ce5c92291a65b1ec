import type { Database } from '../database/database.js';
import type { JobHandler } from '../jobs/jobs.js';
import { inInnerSpan, inSpan, isTracing } from '../tracing.js';

/** Has each transaction of a request or job make a span, from its wait for a turn to the durable commit. */
export function traceTransactions(database: Database, system: 'sqlite' | 'postgresql'): Database {
  if (!isTracing()) return database;
  const attributes = { 'db.system.name': system, 'db.operation.name': 'TRANSACTION' };
  const inTransaction = <T>(work: () => Promise<T>) => inInnerSpan('transaction', attributes, work, 'CLIENT');
  return {
    ...database,
    write: (work) => inTransaction(() => database.write(work)),
    create: (creation, work) => inTransaction(() => database.create(creation, work)),
  };
}

/** Has each attempt at a job make a span of this name. */
export function traceJob(name: string, handler: JobHandler): JobHandler {
  return {
    ...handler,
    run: (payload, attempt) =>
      inSpan(
        name,
        { 'claimcheck.job.attempt': attempt.number },
        () => handler.run(payload, attempt),
        'CONSUMER',
      ),
  };
}
