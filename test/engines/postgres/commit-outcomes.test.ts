import type { Socket } from 'node:net';
import type { Database } from '../../../src/database/database.js';
import { OutcomeUnknown } from '../../../src/database/database-faults.js';
import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { openPostgres } from '../../../src/database/postgres.js';
import { createIn, make } from '../../support/made-creations.js';
import { startService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import { Cluster } from './cluster.js';
import { DatabaseProxy } from './database-proxy.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.open();
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** The server's last message: an error of this severity and code. */
function lastWord(severity: string, code: string): Buffer {
  const body = Buffer.from(`S${severity}\0V${severity}\0C${code}\0Mthe end\0\0`);
  const head = Buffer.from('E\0\0\0\0');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** Stands before the database, and says something else in place of its answer to one statement, which it has run. */
class LyingProxy extends DatabaseProxy {
  /** A part of that statement, or of its name once it has been prepared, until it comes. */
  awaited: string | null = null;

  /** `words`: what the client is told before its connection ends; with null nothing, and it does not end. */
  constructor(
    url: string,
    private readonly words: Buffer | null,
  ) {
    super(url);
  }

  protected join(client: Socket, server: Socket): void {
    let isLying = false;
    client.on('data', (bytes: Buffer) => {
      isLying ||= this.awaited !== null && bytes.includes(this.awaited);
      if (isLying) this.awaited = null;
      server.write(bytes);
    });
    server.on('data', (bytes: Buffer) => {
      if (!isLying) client.write(bytes);
      else if (this.words) client.end(this.words);
    });
    client.on('end', () => server.end());
    server.on('end', () => client.end());
  }
}

/** Works on a database through a proxy that tells such words. */
async function throughProxy(
  words: Buffer | null,
  work: (database: Database, proxy: LyingProxy) => Promise<void>,
): Promise<void> {
  const proxy = new LyingProxy(await cluster.postgres.createDatabase(), words);
  const database = await openPostgres({ url: await proxy.open(), poolSize: 4, statementTimeoutMs: 1_000 });
  try {
    await createIn(database, make(null));
    proxy.awaited = 'prepared_0';
    await work(database, proxy);
  } finally {
    await database.close();
    proxy.close();
  }
}

test.each([
  ['an error that no list knows', lastWord('FATAL', 'XX000')],
  ['an error of a pooler', lastWord('FATAL', '08P01')],
  ['an error without a code', lastWord('FATAL', '')],
  ['an error that statements have, too', lastWord('FATAL', '53100')],
  ['a message that there is not', Buffer.from('~\0\0\0\x04')],
  ['half a message', Buffer.from('D\0\0')],
])('creations whose answer is %s are made once, and nobody says that they are not', async (_name, words) => {
  await throughProxy(words, async (database) => {
    const alone: number[] = [];
    const made = [make(null), make(Buffer.from('x')), make(null)];
    const outcomes = await Promise.allSettled(
      made.map((one, index) => createIn(database, one, () => alone.push(index))),
    );
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(OutcomeUnknown) });
    expect(alone).toEqual([]);
    expect(await database.read.count(AttachmentRow)).toBe(made.length + 1);
  });
});

test('creations that come once an answer was missed have another connection', async () => {
  await throughProxy(null, async (database) => {
    await expect(createIn(database, make(null))).rejects.toBeInstanceOf(OutcomeUnknown);
    await Promise.all(Array.from({ length: 20 }, () => createIn(database, make(null))));
    expect(await database.read.count(AttachmentRow)).toBe(22);
  });
});

test('reads that come once an answer was missed have another connection', async () => {
  await throughProxy(null, async (database, proxy) => {
    proxy.awaited = 'SELECT 42';
    await expect(database.read.query('SELECT 42')).rejects.toThrow('timeout');
    const reads = Array.from({ length: 20 }, () => database.read.query('SELECT 1 AS one'));
    expect(await Promise.all(reads)).toEqual(Array(20).fill([{ one: 1 }]));
  });
});

test('uploads that the database refuses leave no bytes behind', async () => {
  const service = await startService(cluster.env({ SCANNER: 'none' }));
  const upload = () =>
    service.client.tryUpload({ content: Buffer.alloc(1024 * 1024, 'full '), name: 'a.txt' });
  try {
    expect((await upload()).errors).toBeUndefined();
    const kept = await storedFiles(cluster.directory);
    await cluster.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$`);
    await cluster.query(
      'CREATE TRIGGER refuse BEFORE INSERT ON attachments FOR EACH ROW EXECUTE FUNCTION refuse()',
    );
    const answers = await Promise.all(Array.from({ length: 5 }, upload));
    const codes = answers.map(({ errors }) => errors?.[0]?.extensions.code);
    expect(codes).toEqual(Array(5).fill('STORAGE_UNAVAILABLE'));
    expect(await storedFiles(cluster.directory)).toEqual(kept);
  } finally {
    await service.close();
  }
});
