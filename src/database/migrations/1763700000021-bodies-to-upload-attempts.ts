import type { MigrationInterface, QueryRunner } from 'typeorm';
import { fillNames } from '../stored-names.js';
import { Table, TableForeignKey, TableIndex } from '../typeorm.js';

const ofBlob = new TableForeignKey({
  name: 'fk_blob_bodies_blob',
  columnNames: ['blob_id'],
  referencedTableName: 'blobs',
  referencedColumnNames: ['id'],
  onDelete: 'CASCADE',
});

/** The bytes of small blobs, beside their rows. Those that are stored already stay where they are. */
export class BlobBodies1763700000021 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.connection.options.type === 'postgres';
    const table = new Table({
      name: 'blob_bodies',
      columns: [
        { name: 'blob_id', type: 'varchar', length: '36', isPrimary: true },
        { name: 'body', type: isPostgres ? 'bytea' : 'blob' },
      ],
      foreignKeys: [ofBlob],
    });
    await runner.createTable(table);
    // Most files are compressed in themselves, and a range of what is not compressed is found at once.
    if (isPostgres) await runner.query('ALTER TABLE blob_bodies ALTER COLUMN body SET STORAGE EXTERNAL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('blob_bodies');
  }
}

const index = (name: string, columnNames: string[], where?: string) =>
  new TableIndex({ name, columnNames, ...(where === undefined ? {} : { where }) });

const before = [
  index('ix_attachments_file_name', ['organization_id', 'file_name', 'id'], 'shared'),
  index('ix_attachments_creator_file_name', [
    'organization_id',
    'created_by_id',
    'shared',
    'file_name',
    'id',
  ]),
];

const after = [
  index('ix_attachments_file_name', ['organization_id', 'sort_name', 'id'], 'shared'),
  index('ix_attachments_creator_file_name', [
    'organization_id',
    'created_by_id',
    'shared',
    'sort_name',
    'id',
  ]),
  index('ix_attachments_content_type', ['organization_id', 'content_type', 'id']),
  index('ix_attachments_unnamed', ['id'], "search_name = ''"),
];

/**
 * Three letters in a row, each with the rows whose names have them. The rows' numbers stay as long as the table has an index,
 * VACUUM included. Its writes cost far more one by one than together, so that they wait in a table until there are many.
 */
const trigrams = [
  `CREATE VIRTUAL TABLE name_trigrams USING fts5(name, tokenize = 'trigram', content = '', columnsize = 0, detail = none)`,
  'CREATE TABLE name_changes (id integer PRIMARY KEY, row_id integer NOT NULL, name text NOT NULL, is_new boolean NOT NULL)',
  'INSERT INTO name_trigrams (rowid, name) SELECT rowid, search_name FROM attachments',
  `CREATE TRIGGER tr_attachments_named AFTER INSERT ON attachments WHEN new.search_name <> '' BEGIN
     INSERT INTO name_changes (row_id, name, is_new) VALUES (new.rowid, new.search_name, 1);
   END`,
  `CREATE TRIGGER tr_attachments_renamed AFTER UPDATE OF search_name ON attachments
   WHEN new.search_name <> old.search_name BEGIN
     INSERT INTO name_changes (row_id, name, is_new) SELECT old.rowid, old.search_name, 0 WHERE old.search_name <> '';
     INSERT INTO name_changes (row_id, name, is_new) SELECT new.rowid, new.search_name, 1 WHERE new.search_name <> '';
   END`,
  `CREATE TRIGGER tr_attachments_unnamed AFTER DELETE ON attachments WHEN old.search_name <> '' BEGIN
     INSERT INTO name_changes (row_id, name, is_new) VALUES (old.rowid, old.search_name, 0);
   END`,
];

const isSqlite = ({ connection }: QueryRunner) => connection.options.type === 'sqlite';

/** PostgreSQL enters a changed row in each of its indexes: that takes ten times as long as making them anew. */
async function dropOthers(runner: QueryRunner): Promise<{ sql: string }[]> {
  if (isSqlite(runner)) return [];
  const indexes: { name: string; sql: string }[] = await runner.query(
    `SELECT quote_ident(indexname) AS name, indexdef AS sql FROM pg_indexes
     WHERE schemaname = current_schema() AND tablename = 'attachments' AND indexname LIKE 'ix\\_%'`,
  );
  for (const { name } of indexes) await runner.query(`DROP INDEX ${name}`);
  return indexes;
}

/** Names in a form to search and in one to sort by. Processes of an earlier version store neither, and leave the default. */
export class Names1763700000022 implements MigrationInterface {
  // Not by TypeORM's addColumn, which on SQLite copies the whole table.
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE attachments ADD COLUMN search_name text NOT NULL DEFAULT ''");
    await runner.query("ALTER TABLE attachments ADD COLUMN sort_name varchar(255) NOT NULL DEFAULT ''");
    await runner.dropIndices('attachments', before);
    const others = await dropOthers(runner);
    await fillNames(runner.manager);
    for (const { sql } of others) await runner.query(sql);
    for (const index of after) await runner.createIndex('attachments', index);
    if (isSqlite(runner)) for (const statement of trigrams) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    if (isSqlite(runner)) {
      for (const trigger of ['named', 'renamed', 'unnamed'])
        await runner.query(`DROP TRIGGER tr_attachments_${trigger}`);
      await runner.query('DROP TABLE name_changes');
      await runner.query('DROP TABLE name_trigrams');
    } else {
      await runner.query('DROP INDEX IF EXISTS ix_attachments_search_name');
    }
    await runner.dropIndices('attachments', after);
    await runner.query('ALTER TABLE attachments DROP COLUMN search_name');
    await runner.query('ALTER TABLE attachments DROP COLUMN sort_name');
    for (const index of before) await runner.createIndex('attachments', index);
  }
}

/** The encoding of text. That of blobs from before is not known. */
export class Charsets1763700000023 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE blobs ADD COLUMN charset varchar(16)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE blobs DROP COLUMN charset');
  }
}

/** The format of descriptions. All from before are Markdown. */
export class DescriptionFormats1763700000024 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      "ALTER TABLE attachments ADD COLUMN description_format varchar(16) NOT NULL DEFAULT 'MARKDOWN'",
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE attachments DROP COLUMN description_format');
  }
}

const columns = {
  attempt: 'varchar(36)',
  beat: 'integer NOT NULL DEFAULT 0',
  digest: 'varchar(80)',
  md5: 'varchar(32)',
  sha256: 'varchar(64)',
};

/** The request that brings a target's bytes, the digests that they must have, and those that they have. */
export class UploadAttempts1763700000031 implements MigrationInterface {
  // Not by TypeORM's addColumn, which on SQLite copies the whole table.
  async up(runner: QueryRunner): Promise<void> {
    for (const [name, type] of Object.entries(columns))
      await runner.query(`ALTER TABLE upload_targets ADD COLUMN ${name} ${type}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const name of Object.keys(columns))
      await runner.query(`ALTER TABLE upload_targets DROP COLUMN ${name}`);
  }
}
