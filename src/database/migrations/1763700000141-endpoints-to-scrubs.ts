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

/** The attachment of an event as it is just now, in use or in the trash; `event` is the event's row. */
export function attachmentNow(object: string, event = 'new'): string {
  const facts = `id, blob_id, file_name, content_type, size, version, record_type, record_id, created_by_id, created_at`;
  const values = `'fileName', a.file_name, 'contentType', a.content_type, 'size', a.size, 'version', a.version,
    'recordType', a.record_type, 'recordId', a.record_id, 'createdById', a.created_by_id, 'createdAt', a.created_at,
    'md5', b.md5, 'sha256', b.sha256, 'status', b.verdict,
    'reason', r.reason, 'message', r.message, 'signature', r.signature`;
  return `(SELECT ${object}(${values}) FROM (
      SELECT ${facts} FROM attachments WHERE id = ${event}.subject_id
      UNION ALL SELECT ${facts} FROM trashed_attachments WHERE id = ${event}.subject_id) a
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

const blobId = { name: 'blob_id', type: 'varchar', length: '36', isPrimary: true };
const variant = { name: 'variant', type: 'varchar', length: '32', isPrimary: true };

const ofBlob = {
  name: 'fk_previews_blob',
  columnNames: ['blob_id'],
  referencedTableName: 'blobs',
  referencedColumnNames: ['id'],
  onDelete: 'CASCADE',
};

const triggers = [
  { name: 'count_preview', event: 'INSERT', row: 'new', sign: '' },
  { name: 'discount_preview', event: 'DELETE', row: 'old', sign: '-' },
];

const counters = ['usages', 'usage_changes'];

/** Previews count as bytes of their organization, and those that cannot be made are known by themselves. */
export class PreviewRoom1763700000151 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.connection.options.type === 'postgres';
    for (const table of counters)
      await runner.query(`ALTER TABLE ${table} ADD COLUMN previews bigint NOT NULL DEFAULT 0`);
    // Previews are made again.
    await runner.dropTable('previews');
    const body = { name: 'body', type: isPostgres ? 'bytea' : 'blob' };
    await runner.createTable(
      new Table({
        name: 'previews',
        columns: [
          blobId,
          variant,
          { name: 'organization_id', type: 'varchar', length: '36' },
          { name: 'size', type: 'integer' },
          { name: 'made_at', type: 'bigint' },
          { ...body, isNullable: true },
        ],
        indices: [
          new TableIndex({ name: 'ix_previews_made_at', columnNames: ['organization_id', 'made_at'] }),
        ],
        foreignKeys: [ofBlob],
      }),
    );
    // They are compressed in themselves.
    if (isPostgres) await runner.query('ALTER TABLE previews ALTER COLUMN body SET STORAGE EXTERNAL');
    for (const { name, event, row, sign } of triggers) {
      const insert = `INSERT INTO usage_changes (organization_id, bytes, attachments, previews)
        VALUES (${row}.organization_id, 0, 0, ${sign}${row}.size);`;
      if (isPostgres)
        await runner.query(
          `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${insert} RETURN NULL; END $$`,
        );
      const action = isPostgres ? `FOR EACH ROW EXECUTE FUNCTION ${name}()` : `BEGIN ${insert} END`;
      await runner.query(`CREATE TRIGGER ${name} AFTER ${event} ON previews ${action}`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.connection.options.type === 'postgres';
    await runner.dropTable('previews');
    if (isPostgres) for (const { name } of triggers) await runner.query(`DROP FUNCTION ${name}()`);
    const body = { name: 'body', type: isPostgres ? 'bytea' : 'blob' };
    await runner.createTable(
      new Table({ name: 'previews', columns: [blobId, variant, body], foreignKeys: [ofBlob] }),
    );
    for (const table of counters) await runner.query(`ALTER TABLE ${table} DROP COLUMN previews`);
  }
}

const where = 'expires_at IS NOT NULL';
const before = new TableIndex({ name: 'ix_upload_targets_held', columnNames: ['organization_id'], where });
const after = new TableIndex({
  name: 'ix_upload_targets_unused',
  columnNames: ['organization_id', 'principal_id', 'state', 'expires_at', 'size'],
  where,
});

/** Upload targets that no attachment uses yet are counted by an index alone. */
export class UnusedTargets1763700000152 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createIndex('upload_targets', after);
    await runner.dropIndex('upload_targets', before);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.createIndex('upload_targets', before);
    await runner.dropIndex('upload_targets', after);
  }
}

const scrubs = new Table({
  name: 'scrubs',
  columns: [
    { name: 'name', type: 'varchar', length: '32', isPrimary: true },
    { name: 'held_until', type: 'bigint' },
  ],
});

/** The time when stored bytes were last compared with those that came, and the difference. */
export class Scrubs1763700000161 implements MigrationInterface {
  // Not by TypeORM's addColumn, which on SQLite copies the whole table.
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE blobs ADD COLUMN verified_at bigint');
    await runner.query('ALTER TABLE blobs ADD COLUMN damaged_at bigint');
    await runner.query('ALTER TABLE blobs ADD COLUMN damage varchar(255)');
    await runner.query(
      'CREATE INDEX ix_blobs_verified_at ON blobs (verified_at, id) WHERE damaged_at IS NULL',
    );
    await runner.query(
      'CREATE INDEX ix_blobs_damaged ON blobs (organization_id, damaged_at) WHERE damaged_at IS NOT NULL',
    );
    await runner.createTable(scrubs);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(scrubs);
    await runner.query('DROP INDEX ix_blobs_damaged');
    await runner.query('DROP INDEX ix_blobs_verified_at');
    for (const column of ['damage', 'damaged_at', 'verified_at'])
      await runner.query(`ALTER TABLE blobs DROP COLUMN ${column}`);
  }
}
