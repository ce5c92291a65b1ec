import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { openDatabase } from '../../../src/database/database.js';
import { keepNames } from '../../../src/database/stored-names.js';
import { randomKey, startService } from '../../support/service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

function vacuum(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = new sqlite3.Database(path);
    connection.exec('VACUUM', (failed) => {
      connection.close((error) => ((failed ?? error) ? reject(failed ?? error) : resolve()));
    });
  });
}

/** Enters all names in the index of trigrams. */
async function indexNames(directory: string): Promise<void> {
  const database = await openDatabase(directory);
  await keepNames(database, new AbortController().signal);
  const waiting = await database.read.query<object[]>('SELECT 1 FROM name_changes');
  await database.close();
  expect(waiting).toEqual([]);
}

describe('names in a database that an operator has vacuumed', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await makeTemporaryDirectory();
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  test('are found by the index of before, although rows have gone from among them', async () => {
    const env = { DATA_DIR: directory, BOOTSTRAP_API_KEY: randomKey() };
    const first = await startService(env);
    const ids: string[] = [];
    for (let index = 0; index < 20; index += 1) {
      ids.push((await first.client.upload({ content: 'x', name: `invoice ${index} of spring.txt` })).id);
    }
    const remove =
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }';
    for (const id of ids.splice(0, 10)) await first.client.ask(remove, { id });
    await first.close();
    await indexNames(directory);
    await vacuum(join(directory, 'claimcheck.sqlite'));

    await using service = await startService(env);
    const query = `query ($text: String!) {
      attachments(first: 50, filter: { fileNameContains: $text }) { nodes { id } totalCount } }`;
    const { attachments: all } = await service.client.ask<{
      attachments: { nodes: { id: string }[]; totalCount: number };
    }>(query, { text: 'SPRING' });
    expect([all.totalCount, all.nodes.map(({ id }) => id).toSorted()]).toEqual([10, ids.toSorted()]);
    const { attachments: one } = await service.client.ask<{ attachments: { nodes: { id: string }[] } }>(
      query,
      {
        text: 'invoice 17',
      },
    );
    expect(one.nodes.map(({ id }) => id)).toEqual([ids[7]]);
  });
});
