import type { MigrationInterface, QueryRunner } from 'typeorm';
import { attachmentNow } from './1763700000141-endpoints-to-scrubs.js';
import { tableByTable } from './table-by-table.js';

interface Trigger {
  name: string;
  table: string;
  event: 'INSERT' | 'DELETE';
  /** The body of its function for a row, which is `new` or `old`, and for all rows of a statement, which are `changed`. */
  ofRow: string;
  ofStatement: string;
}

const usage = 'INSERT INTO usage_changes (organization_id, bytes, attachments, previews)';

/** `change` is of bytes, attachments and previews. */
function countRows(name: string, table: string, event: Trigger['event'], change: string[]): Trigger {
  const row = event === 'INSERT' ? 'new' : 'old';
  const values = change.map((value) => value.replace('size', `${row}.size`)).join(', ');
  const sums = change.map((value) => `SUM(${value})`).join(', ');
  return {
    ...{ name, table, event },
    ofRow: `${usage} VALUES (${row}.organization_id, ${values});`,
    ofStatement: `${usage} SELECT organization_id, ${sums} FROM changed GROUP BY organization_id;`,
  };
}

const isTold = (event: string) =>
  `${event}.action LIKE 'ATTACHMENT%' AND ${event}.action <> 'ATTACHMENT_DOWNLOADED'
    AND EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.organization_id = ${event}.organization_id AND e.state = 'ENABLED')`;
const told = (event: string) =>
  `${event}.organization_id, ${event}.subject_id, ${event}.action, json_build_object('principalId', ${event}.principal_id,
    'details', ${event}.details::json, 'attachment', ${attachmentNow('json_build_object', event)})::text, ${event}.created_at`;
const tell = 'INSERT INTO webhook_events (organization_id, attachment_id, action, event, created_at)';

const triggers: readonly Trigger[] = [
  countRows('count_blob', 'blobs', 'INSERT', ['size', '0', '0']),
  countRows('discount_blob', 'blobs', 'DELETE', ['-size', '0', '0']),
  countRows('count_attachment', 'attachments', 'INSERT', ['0', '1', '0']),
  countRows('discount_attachment', 'attachments', 'DELETE', ['0', '-1', '0']),
  countRows('count_trashed', 'trashed_attachments', 'INSERT', ['0', '1', '0']),
  countRows('discount_trashed', 'trashed_attachments', 'DELETE', ['0', '-1', '0']),
  countRows('count_preview', 'previews', 'INSERT', ['0', '0', 'size']),
  countRows('discount_preview', 'previews', 'DELETE', ['0', '0', '-size']),
  {
    ...{ name: 'tell_webhooks', table: 'audit_events', event: 'INSERT' },
    ofRow: `IF ${isTold('new')} THEN ${tell} VALUES (${told('new')}); END IF;`,
    // By id, which is the order of time: they are told in the order of `seq`.
    ofStatement: `${tell} SELECT ${told('changed')} FROM changed WHERE ${isTold('changed')} ORDER BY changed.id;`,
  },
];

/** On PostgreSQL a function of a trigger runs once for a statement, however many rows that changes. SQLite has no such triggers. */
export class StatementTriggers1763700000182 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const changes = triggers.map((trigger) => () => {
      const rows = trigger.event === 'INSERT' ? 'NEW' : 'OLD';
      const each = `REFERENCING ${rows} TABLE AS changed FOR EACH STATEMENT`;
      return replaceTrigger(runner, trigger, trigger.ofStatement, each);
    });
    await tableByTable(runner, changes);
  }

  async down(runner: QueryRunner): Promise<void> {
    const changes = triggers.map(
      (trigger) => () => replaceTrigger(runner, trigger, trigger.ofRow, 'FOR EACH ROW'),
    );
    await tableByTable(runner, changes);
  }
}

async function replaceTrigger(
  runner: QueryRunner,
  { name, table, event }: Trigger,
  body: string,
  each: string,
): Promise<void> {
  if (runner.connection.options.type !== 'postgres') return;
  await runner.query(`DROP TRIGGER ${name} ON ${table}`);
  await runner.query(
    `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NULL; END $$`,
  );
  await runner.query(`CREATE TRIGGER ${name} AFTER ${event} ON ${table} ${each} EXECUTE FUNCTION ${name}()`);
}
