import type { EntityManager, ObjectLiteral } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import type { Database } from '../../../src/database/database.js';
import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { BlobRow, RejectionRow } from '../../../src/database/entities/blob.js';
import { ApiKeyRow, AuditEventRow, PrincipalRow } from '../../../src/database/entities/organization.js';
import { LinkRow, RecordFieldRow } from '../../../src/database/entities/record-field.js';
import { insertRows } from '../../../src/database/insert-row.js';
import { changeRows, readJoined, readRows } from '../../../src/database/read-rows.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';

/** Those that others name come before them. */
const tables: readonly (new () => ObjectLiteral)[] = [
  BlobRow,
  AttachmentRow,
  RecordFieldRow,
  LinkRow,
  RejectionRow,
  ApiKeyRow,
  PrincipalRow,
  AuditEventRow,
];

let database: Database;
beforeAll(async () => {
  database = await openTestDatabase(await makeTemporaryDirectory());
});
afterAll(() => database.close());

const ids = ['018f0000-0000-7000-8000-00000000000a', '018f0000-0000-7000-8000-00000000000b'] as const;
const oddText = 'ä "q" \\ \' \u2028 \ufeff 😀 %_';

/** A value that the column keeps and that others than the column's own way would change. */
function sample({ type, length, transformer }: ColumnMetadata, id: string): unknown {
  if (type === 'boolean') return true;
  if (type === 'integer') return 2 ** 31 - 1;
  if (type === 'bigint') {
    const isInstant = !Array.isArray(transformer) && transformer?.from(0) instanceof Date;
    return isInstant ? new Date(1_700_000_000_123) : Number.MAX_SAFE_INTEGER;
  }
  if (transformer) return { text: oddText, list: [1, null, true] };
  if (length === '36') return id;
  return (length !== '' && Number(length) < 64) || /^0+$/.test(length)
    ? 'short'
    : `${id} ${oddText}`.slice(0, 60);
}

/** Has a value in every column, or null in those that take it. */
function rowOf(manager: EntityManager, table: new () => ObjectLiteral, id: string, isBare: boolean) {
  const { columns } = manager.connection.getMetadata(table);
  return Object.fromEntries(
    columns.map((column) => [column.propertyName, isBare && column.isNullable ? null : sample(column, id)]),
  );
}

test('rows of every kind of column are read as TypeORM reads them', async () => {
  const whole = new Map<unknown, number>();
  await database.write(async (manager) => {
    for (const table of tables) {
      const rows = ids.map((id, index) => rowOf(manager, table, id, index === 1));
      await insertRows(manager, table, rows);
      const expected = await manager.find(table);
      const read = manager.connection.getMetadata(table).columns.filter(({ isSelect }) => isSelect);
      const written = rows.map((row) =>
        Object.fromEntries(read.map(({ propertyName: name }) => [name, row[name]])),
      );
      expect(expected.map((row) => ({ ...row }))).toEqual(expect.arrayContaining(written));
      const found = await readRows(manager, table, () => 'true');
      expect(new Set(found.map((row) => JSON.stringify(row)))).toEqual(
        new Set(expected.map((row) => JSON.stringify(row))),
      );
      expect(found).toEqual(expect.arrayContaining(expected));
      expect(found[0]).toBeInstanceOf(table);
      whole.set(table, Object.keys(found[0] ?? {}).length);
    }
  });
  // Its HTML is read by those who ask for it.
  expect(whole.get(AttachmentRow)).toBe(
    database.read.connection.getMetadata(AttachmentRow).columns.filter(({ isSelect }) => isSelect).length,
  );
});

test('tables side by side keep columns of one name apart', async () => {
  const [found] = await readJoined(
    database.read,
    { attachment: AttachmentRow, field: RecordFieldRow },
    (sql) => `FROM links JOIN attachments attachment ON attachment.id = links.attachment_id
      JOIN record_fields field ON field.id = links.field_id WHERE ${sql.isOneOf('links.field_id', [ids[0], 'none'])}
        AND ${sql.areOneOf(
          ['field.record_type', 'field.id'],
          [
            ['no', 'none'],
            [`${ids[0]} ${oddText}`, ids[0]],
          ],
        )}`,
  );
  expect([found?.attachment.id, found?.field.id, found?.field.version]).toEqual([
    ids[0],
    ids[0],
    2 ** 31 - 1,
  ]);
  expect(found?.attachment.fileName).toContain(oddText);
});

test('no key finds nothing, and nothing to insert is no statement', async () => {
  expect(await readRows(database.read, LinkRow, (sql) => sql.isOneOf('field_id', []))).toEqual([]);
  await database.write((manager) => insertRows(manager, LinkRow, []));
});

test('rows that are there are changed or left as the caller says, and changes are counted', async () => {
  await database.write(async (manager) => {
    const links = await readRows(manager, LinkRow, () => 'true');
    const moved = links.map((link) => ({ ...link, position: 5, createdAt: new Date(1) }));
    await insertRows(manager, LinkRow, moved, { orIgnore: true });
    expect((await readRows(manager, LinkRow, () => 'position = 5')).length).toBe(0);
    await insertRows(manager, LinkRow, moved, { orUpdate: ['position'] });
    const after = await readRows(manager, LinkRow, () => 'true');
    expect(after.map(({ position }) => position)).toEqual([5, 5]);
    expect(after.map(({ createdAt }) => createdAt)).toEqual(links.map(({ createdAt }) => createdAt));
    expect(
      await changeRows(manager, (sql) => `DELETE FROM links WHERE ${sql.isOneOf('field_id', ids)}`),
    ).toBe(2);
    expect(
      await changeRows(manager, (sql) => `DELETE FROM links WHERE ${sql.isOneOf('field_id', ids)}`),
    ).toBe(0);
  });
});

test('rows that are long together are taken apart in turns of the event loop', async () => {
  const [count, length] = [300, 10_000];
  await database.write((manager) =>
    insertRows(
      manager,
      AttachmentRow,
      Array.from({ length: count }, (_, index) => {
        const id = `018f0000-0000-7000-8001-${String(index).padStart(12, '0')}`;
        return { ...rowOf(manager, AttachmentRow, ids[0], true), id, description: '"'.repeat(length) };
      }),
    ),
  );
  let rounds = 0;
  let isOver = false;
  const goRound = () => {
    rounds += 1;
    if (!isOver) setImmediate(goRound);
  };
  const { read } = database;
  const query = async (...of: Parameters<EntityManager['query']>) => {
    const rows: unknown = await read.query(...of);
    setImmediate(goRound);
    return rows;
  };
  const manager: EntityManager = Object.create(read, { query: { value: query } });
  const found = await readRows(manager, AttachmentRow, () => `length(description) = ${length}`);
  isOver = true;
  expect(found).toHaveLength(count);
  // A turn has 256 Ki characters at most, and the row that passes them.
  expect(rounds).toBeGreaterThanOrEqual(Math.floor((count * length) / (256 * 1024 + 2 * length)));
});
