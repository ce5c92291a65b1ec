import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Table, TableIndex } from '../typeorm.js';

const varchar = (name: string, length: number) => ({ name, type: 'varchar', length: String(length) });
const optional = { isNullable: true };

const endpoints = new Table({
  name: 'webhook_endpoints',
  columns: [
    { ...varchar('id', 36), isPrimary: true },
    varchar('organization_id', 36),
    varchar('uri', 2_048),
    { name: 'events', type: 'text' },
    { ...varchar('description', 255), ...optional },
    { name: 'secrets', type: 'text' },
    varchar('state', 16),
    { name: 'failing_since', type: 'bigint', ...optional },
    { name: 'paused_at', type: 'bigint', ...optional },
    { ...varchar('pause_reason', 16), ...optional },
    varchar('created_by_id', 255),
    { name: 'created_at', type: 'bigint' },
    { name: 'updated_at', type: 'bigint' },
  ],
  indices: [
    new TableIndex({ name: 'ix_webhook_endpoints_organization', columnNames: ['organization_id', 'id'] }),
  ],
});

const ofEndpoint = 'endpoint_id IS NOT NULL';

/** Lists of deliveries by time, a state or an endpoint; the queue of an attachment at an endpoint; those to be forgotten. */
const indexes = [
  { name: 'organization', columnNames: ['organization_id', 'created_at', 'id'] },
  { name: 'state', columnNames: ['organization_id', 'state', 'created_at', 'id'] },
  { name: 'endpoint', columnNames: ['endpoint_id', 'created_at', 'id'], where: ofEndpoint },
  {
    name: 'queue',
    columnNames: ['endpoint_id', 'attachment_id', 'id'],
    where: `state = 'QUEUED' AND ${ofEndpoint}`,
  },
  { name: 'created_at', columnNames: ['created_at'], where: ofEndpoint },
].map(({ name, ...index }) => new TableIndex({ name: `ix_webhook_deliveries_${name}`, ...index }));

const columns = `organization_id varchar(36) NOT NULL, attachment_id varchar(36) NOT NULL,
  action varchar(32) NOT NULL, event text NOT NULL, created_at bigint NOT NULL`;

/** The attachment as it is just now, in use or in the trash. */
function attachmentNow(object: string): string {
  const facts = `id, blob_id, file_name, content_type, size, version, record_type, record_id, created_by_id, created_at`;
  const values = `'fileName', a.file_name, 'contentType', a.content_type, 'size', a.size, 'version', a.version,
    'recordType', a.record_type, 'recordId', a.record_id, 'createdById', a.created_by_id, 'createdAt', a.created_at,
    'md5', b.md5, 'sha256', b.sha256, 'status', b.verdict,
    'reason', r.reason, 'message', r.message, 'signature', r.signature`;
  return `(SELECT ${object}(${values}) FROM (
      SELECT ${facts} FROM attachments WHERE id = new.subject_id
      UNION ALL SELECT ${facts} FROM trashed_attachments WHERE id = new.subject_id) a
    JOIN blobs b ON b.id = a.blob_id LEFT JOIN rejections r ON r.blob_id = b.id LIMIT 1)`;
}

const isTold = `new.action LIKE 'ATTACHMENT%' AND new.action <> 'ATTACHMENT_DOWNLOADED'`;
const isHeard = `EXISTS (SELECT 1 FROM webhook_endpoints e
  WHERE e.organization_id = new.organization_id AND e.state = 'ENABLED')`;

const insert = (
  event: string,
) => `INSERT INTO webhook_events (organization_id, attachment_id, action, event, created_at)
  VALUES (new.organization_id, new.subject_id, new.action, ${event}, new.created_at);`;

const onPostgres = [
  `CREATE TABLE webhook_events (seq bigserial PRIMARY KEY, ${columns})`,
  `CREATE FUNCTION tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF ${isTold} AND ${isHeard} THEN ${insert(`json_build_object('principalId', new.principal_id,
      'details', new.details::json, 'attachment', ${attachmentNow('json_build_object')})::text`)}
    END IF; RETURN NULL; END $$`,
  // Without WHEN, which would keep the type of its columns from being changed.
  'CREATE TRIGGER tell_webhooks AFTER INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION tell_webhooks()',
];

const onSqlite = [
  `CREATE TABLE webhook_events (seq integer PRIMARY KEY AUTOINCREMENT, ${columns})`,
  `CREATE TRIGGER tell_webhooks AFTER INSERT ON audit_events WHEN ${isTold} AND ${isHeard} BEGIN
    ${insert(`json_object('principalId', new.principal_id,
      'details', json(new.details), 'attachment', json(${attachmentNow('json_object')}))`)} END`,
];

/** Endpoints, and the events that wait to be told to them: a trigger writes those beside the audit event, if there is an endpoint. */
export class WebhookEndpoints1763700000141 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(endpoints);
    // Not by TypeORM's addColumn, which on SQLite copies the whole table.
    await runner.query('ALTER TABLE webhook_deliveries ADD COLUMN endpoint_id varchar(36)');
    for (const index of indexes) await runner.createIndex('webhook_deliveries', index);
    const isPostgres = runner.connection.options.type === 'postgres';
    for (const statement of isPostgres ? onPostgres : onSqlite) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.connection.options.type === 'postgres';
    await runner.query(`DROP TRIGGER tell_webhooks${isPostgres ? ' ON audit_events' : ''}`);
    if (isPostgres) await runner.query('DROP FUNCTION tell_webhooks()');
    await runner.query('DROP TABLE webhook_events');
    await runner.query('DELETE FROM webhook_deliveries WHERE endpoint_id IS NOT NULL');
    await runner.dropIndices('webhook_deliveries', indexes);
    await runner.query('ALTER TABLE webhook_deliveries DROP COLUMN endpoint_id');
    await runner.dropTable(endpoints);
  }
}
