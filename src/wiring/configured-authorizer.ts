import { Counter, Gauge } from 'prom-client';
import { allowAll, type RecordAuthorizer } from '../access/record-authorizer.js';
import type { Config } from '../config.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';

/** Asks if the settings say so; else everybody may see and change every record of the organization. */
export async function createConfiguredAuthorizer(
  { recordAuthorizerUrl: url, recordAuthorizerBatch: batch }: Config,
  { registry }: Pick<Metrics, 'registry'>,
  log: Log,
): Promise<RecordAuthorizer> {
  if (url === null) return allowAll;
  const { OpaAuthorizer } = await import('../access/opa-authorizer.js');
  const questions = new Counter({
    name: 'claimcheck_authorizer_questions_total',
    help: 'Questions to the record authorizer, by what became of them; turned_away were not sent.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const authorizer = new OpaAuthorizer({
    url,
    batch,
    onQuestion: (outcome) => questions.inc({ outcome }),
    onOutage: (err) => log.warn({ err }, 'no answer of the record authorizer: what needs one fails'),
    onRecovery: (unanswered) => log.info({ unanswered }, 'the record authorizer answers again'),
  });
  new Gauge({
    name: 'claimcheck_authorizer_waiting',
    help: 'Questions to the record authorizer that have not been sent yet.',
    registers: [registry],
    collect() {
      this.set(authorizer.waiting);
    },
  });
  return authorizer;
}
