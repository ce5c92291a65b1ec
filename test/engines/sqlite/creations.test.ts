import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { type Database, openDatabase } from '../../../src/database/database.js';
import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { SweptKeyRow } from '../../../src/database/entities/stored-bytes.js';
import { insertRow } from '../../../src/database/insert-row.js';
import { describeCreations } from '../../support/creations-contract.js';
import { createIn, insertOne, type Made, make, now } from '../../support/made-creations.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

describe('creations on the embedded database', () => {
  let directory: string;
  let database: Database;
  const statements = new StatementCounter();

  beforeEach(async () => {
    directory = await makeTemporaryDirectory();
    database = await openDatabase(directory, statements);
  });
  afterEach(async () => {
    await database.close();
    await rm(directory, { recursive: true, force: true });
  });

  const create = (made: Made, onAlone?: () => void) => createIn(database, made, onAlone);

  describeCreations(() => ({ database, statements }), { together: /^INSERT INTO creations /, groups: 1 });

  /** Every cell of the tables, with its type, but for what is of no interest to `like`. */
  async function cells(like: string): Promise<unknown[]> {
    const tables = { blobs: 'id', attachments: 'id', audit_events: 'id', blob_bodies: 'blob_id' };
    const found: unknown[] = [];
    for (const [table, key] of Object.entries(tables)) {
      const columns = await database.read.query<{ name: string }[]>(`PRAGMA table_info(${table})`);
      const values = columns.map(({ name }) => `quote(${name}) || typeof(${name}) AS ${name}`).join();
      found.push(await database.read.query(`SELECT ${values} FROM ${table} WHERE ${like} ORDER BY ${key}`));
    }
    return found;
  }

  test('a whole group is that statement and no other', async () => {
    const made = Array.from({ length: 60 }, (_, index) => make(index % 3 ? randomBytes(index) : null));
    const before = statements.statements.length;
    await Promise.all(made.map((one) => create(one)));
    expect(statements.statements.length - before).toBe(1);
  });

  test('every column has the same value as by statements of their own', async () => {
    const kinds: Partial<AttachmentRow>[] = [
      {},
      { metadataAttributes: null, description: null, shared: false, claimedAt: null, expiresAt: now },
      { description: '', recordType: null, recordId: null, fileName: '1e5' },
    ];
    const made = kinds.flatMap((changes) => [make(randomBytes(9), changes), make(null, changes)]);
    made.push(make(Buffer.alloc(0)));
    await Promise.all(made.map((one) => create(one)));
    const together = await cells('true');
    await database.write(async (manager) => {
      for (const table of ['audit_events', 'attachments', 'blobs'])
        await manager.query(`DELETE FROM ${table}`);
    });
    for (const one of made) await insertOne(database, one);
    expect(together).toEqual(await cells('true'));
  });

  test('text that JSON would change goes by statements of its own', async () => {
    let alone = 0;
    for (const description of ['zero \u0000 here', 'half \ud83c here'])
      await create(make(null, { description }), () => {
        alone += 1;
      });
    await create(make(null, { description: 'whole 🍐 here, \\u0000 too' }), () => {
      alone += 10;
    });
    expect(alone).toBe(2);
  });

  test('among other writes they share the transaction, and are one statement there', async () => {
    const made = Array.from({ length: 5 }, () => make(randomBytes(3)));
    const others = [1, 2].map((index) =>
      database.write((manager) =>
        insertRow(manager, SweptKeyRow, { documentKey: `other-${index}`, sweptAt: now }),
      ),
    );
    const caused = await statements.during(() => Promise.all([...made.map((one) => create(one)), ...others]));
    // Both ends of the transaction, one for all creations, and one for each of the others.
    expect(caused).toHaveLength(5);
    expect(await database.read.count(AttachmentRow)).toBe(5);
    expect(await database.read.count(SweptKeyRow)).toBe(2);
  });

  test('text that JSON would change spoils no group', async () => {
    const bad = make(null, { description: 'zero \u0000 here' });
    const others = [make(null), make(randomBytes(3))];
    const caused = await statements.during(() => Promise.all([bad, ...others].map((one) => create(one))));
    expect(caused.filter((sql) => sql.startsWith('INSERT INTO creations '))).toHaveLength(1);
    expect(caused.filter((sql) => sql.startsWith('SAVEPOINT'))).toEqual([]);
    expect(await database.read.count(AttachmentRow)).toBe(3);
  });

  test('one that fails among other writes does so alone', async () => {
    const twin = make(randomBytes(10));
    await create(twin);
    const other = database.write((manager) =>
      insertRow(manager, SweptKeyRow, { documentKey: 'other', sweptAt: now }),
    );
    const outcomes = await Promise.allSettled([create(make(null)), create(twin), other]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await database.read.count(AttachmentRow)).toBe(2);
    expect(await database.read.count(SweptKeyRow)).toBe(1);
  });
});
