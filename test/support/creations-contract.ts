import { randomBytes } from 'node:crypto';
import { readBody } from '../../src/database/blob-bodies.js';
import type { Database } from '../../src/database/database.js';
import { AttachmentRow } from '../../src/database/entities/attachment.js';
import { BlobRow } from '../../src/database/entities/blob.js';
import { AuditEventRow } from '../../src/database/entities/organization.js';
import { SweptKeyRow } from '../../src/database/entities/stored-bytes.js';
import { insertRow } from '../../src/database/insert-row.js';
import { createIn, type Made, make, now } from './made-creations.js';
import { sha256 } from './sha256.js';
import type { StatementCounter } from './statement-counter.js';

/** Tests of creations on each database. `together` tells the statement of a group; 60 that come at once are `groups`. */
export function describeCreations(
  open: () => { database: Database; statements: StatementCounter },
  { together, groups }: { together: RegExp; groups: number },
): void {
  const createAll = (made: readonly Made[]) => Promise.all(made.map((one) => createIn(open().database, one)));

  /** The groups that these become, each with its bytes. */
  async function countGroups(made: readonly Made[]): Promise<number> {
    const { database, statements } = open();
    const caused = await statements.during(() => createAll(made));
    for (const { blob, body } of made) {
      const found = await readBody(database.read, blob.id);
      expect(found && sha256(found)).toBe(body && sha256(body));
    }
    expect(await database.read.count(AttachmentRow)).toBe(made.length);
    return caused.filter((sql) => together.test(sql)).length;
  }

  test(`60 that come together are statements of many (${groups}), and each has its bytes`, async () => {
    const made = Array.from({ length: 60 }, (_, index) => make(index % 3 ? randomBytes(index) : null));
    expect(await countGroups(made)).toBe(groups);
  });

  test.each([
    ['texts', () => make(null, { descriptionHtml: 'é'.repeat(100_000) }), 3],
    ['bodies', () => make(randomBytes(1024 * 1024)), 30],
  ] as const)('long %s make small groups', async (_, makeOne, least) => {
    expect(await countGroups(Array.from({ length: 60 }, makeOne))).toBeGreaterThanOrEqual(least);
  });

  test('one that fails does so alone', async () => {
    const { database } = open();
    const twin = make(randomBytes(10));
    await createAll([twin]);
    const others = Array.from({ length: 20 }, () => make(randomBytes(10)));
    const outcomes = await Promise.allSettled([...others, twin].map((one) => createIn(database, one)));
    expect(outcomes.map(({ status }) => status)).toEqual([...others.map(() => 'fulfilled'), 'rejected']);
    expect(await database.read.count(AttachmentRow)).toBe(21);
    expect(await database.read.count(AuditEventRow)).toBe(21);
  });

  test('one that cannot even be written down fails alone', async () => {
    const { database } = open();
    const others = Array.from({ length: 5 }, () => make(randomBytes(10)));
    const unwritable = make(null, { metadataAttributes: { count: 1n } });
    const outcomes = await Promise.allSettled([...others, unwritable].map((one) => createIn(database, one)));
    expect(outcomes.map(({ status }) => status)).toEqual([...others.map(() => 'fulfilled'), 'rejected']);
    expect(outcomes.at(-1)).toMatchObject({ reason: expect.any(TypeError) });
    expect(await database.read.count(AttachmentRow)).toBe(5);
  });

  test('one that the sweep has taken is refused by its own work, and nothing of it is there', async () => {
    const { database } = open();
    const [swept, other] = [make(null), make(null)];
    await database.write((manager) =>
      insertRow(manager, SweptKeyRow, { documentKey: swept.blob.documentKey, sweptAt: now }),
    );
    const outcomes = await Promise.allSettled([swept, other].map((one) => createIn(database, one)));
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { code: 'STORAGE_UNAVAILABLE' } },
      { status: 'fulfilled' },
    ]);
    expect(await database.read.find(BlobRow)).toMatchObject([{ id: other.blob.id }]);
  });
}
