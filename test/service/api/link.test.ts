import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { startService, type TestService } from '../../support/service.js';
import { clockSlackMs } from '../../support/test-database.js';

interface Linked {
  linkAttachments: {
    field: { version: number };
    links: { position: number; state: string; attachment: { id: string } }[];
    unlinked: { id: string; expiresAt: string | null; record: { id: string } | null }[];
  };
}

const mutation = `mutation ($input: LinkAttachmentsInput!) { linkAttachments(input: $input) {
  field { version } links { position state attachment { id } } unlinked { id expiresAt record { id: recordId } } } }`;

const dayMs = 86_400_000;
/** Each conflict costs most on PostgreSQL: test/postgres has writers in two processes too. */
const writers = roundsOf(12);

describe('linkAttachments', () => {
  let service: TestService;
  let nextRecord = 0;
  beforeAll(async () => {
    service = await startService({ UNLINKED_RETENTION_DAYS: '2' });
  });
  afterAll(() => service.close());

  const newRecord = () => {
    nextRecord += 1;
    return { type: 'Account', id: String(nextRecord) };
  };
  const uploads = (count: number, client = service.client) =>
    Promise.all(
      Array.from(
        { length: count },
        async (_, index) => (await client.upload({ content: `${index}`, name: `${index}.txt` })).id,
      ),
    );
  const link = (input: object, client: Client = service.client): Promise<Answer<Linked>> =>
    client.graphql<Linked>(mutation, { input });
  const idsOf = ({ data }: Answer<Linked>) =>
    data?.linkAttachments.links.map(({ attachment }) => attachment.id);

  test('replaces, adds and removes, in order, counting versions', async () => {
    const record = newRecord();
    const [a, b, c, d] = (await uploads(4)) as [string, string, string, string];
    const replaced = await link({ record, attachmentIds: [b, a] });
    expect(idsOf(replaced)).toEqual([b, a]);
    expect(replaced.data?.linkAttachments.field.version).toBe(1);
    expect(replaced.data?.linkAttachments.links.map(({ position, state }) => [position, state])).toEqual([
      [0, 'ACTIVE'],
      [1, 'ACTIVE'],
    ]);
    const added = await link({ record, attachmentIds: [c, b, d], mode: 'ADD' });
    expect(idsOf(added)).toEqual([b, a, c, d]);
    const removed = await link({ record, attachmentIds: [a, c], mode: 'REMOVE' });
    expect(idsOf(removed)).toEqual([b, d]);
    expect(removed.data?.linkAttachments.unlinked.map(({ id }) => id)).toEqual([a, c]);
    const reordered = await link({ record, attachmentIds: [d, a, b] });
    expect(idsOf(reordered)).toEqual([d, a, b]);
    const emptied = await link({ record, attachmentIds: [] });
    expect(idsOf(emptied)).toEqual([]);
    expect(emptied.data?.linkAttachments.unlinked.map(({ id }) => id)).toEqual([d, a, b]);
    expect(emptied.data?.linkAttachments.field.version).toBe(5);
  });

  test('changes nothing, and no version, where the field is as asked', async () => {
    const record = newRecord();
    const ids = await uploads(2);
    await link({ record, attachmentIds: ids });
    for (const input of [
      { attachmentIds: ids },
      { attachmentIds: [ids[0]], mode: 'ADD' },
      { attachmentIds: [], mode: 'REMOVE' },
    ]) {
      const answer = await link({ record, ...input });
      expect(idsOf(answer)).toEqual(ids);
      expect(answer.data?.linkAttachments.field.version).toBe(1);
    }
  });

  test('passes over those to take out that are not there: deleted, unknown or in no field', async () => {
    const record = newRecord();
    const [kept, gone, deleted, elsewhere] = (await uploads(4)) as [string, string, string, string];
    await link({ record, attachmentIds: [kept, gone, deleted] });
    await service.client.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
      { id: deleted },
    );
    const attachmentIds = [deleted, elsewhere, randomUUID(), gone, 'no id'];
    const answer = await link({ record, attachmentIds, mode: 'REMOVE' });
    expect(idsOf(answer)).toEqual([kept]);
    expect(answer.data?.linkAttachments.unlinked.map(({ id }) => id)).toEqual([gone]);
    const again = await link({ record, attachmentIds, mode: 'REMOVE' });
    expect([idsOf(again), again.data?.linkAttachments.field.version]).toEqual([
      [kept],
      answer.data?.linkAttachments.field.version,
    ]);
  });

  test.each(['ADD', 'REMOVE', 'REPLACE'])('makes no field of nothing: %s', async (mode) => {
    const record = newRecord();
    const answer = await link({ record, attachmentIds: [], mode });
    expect([idsOf(answer), answer.data?.linkAttachments.field.version]).toEqual([[], 0]);
    const query = 'query ($type: String!, $id: ID!) { record(type: $type, id: $id) { fields { name } } }';
    expect(await service.client.ask(query, record)).toEqual({ record: { fields: [] } });
  });

  test("claims what it links; what it unlinks stays the record's and expires after the retention", async () => {
    const record = newRecord();
    const [id] = (await uploads(1)) as [string];
    await link({ record, attachmentIds: [id] });
    const other = await link({ record: newRecord(), attachmentIds: [id] });
    expect(other.errors?.[0]?.extensions).toMatchObject({
      code: 'ALREADY_CLAIMED',
      details: [{ loc: ['input', 'attachmentIds', 0] }],
    });
    const before = Date.now();
    const answer = await link({ record, attachmentIds: [] });
    const [unlinked] = answer.data?.linkAttachments.unlinked ?? [];
    expect(unlinked?.record?.id).toBe(record.id);
    const retainedMs = Date.parse(unlinked?.expiresAt ?? '') - before;
    expect(retainedMs).toBeGreaterThanOrEqual(2 * dayMs - clockSlackMs());
    expect(retainedMs).toBeLessThan(2.01 * dayMs);
    const again = await link({ record, attachmentIds: [id] });
    expect(idsOf(again)).toEqual([id]);
    const { attachment } = await service.client.ask<{ attachment: { expiresAt: string | null } }>(
      'query ($id: ID!) { attachment(id: $id) { expiresAt } }',
      { id },
    );
    expect(attachment.expiresAt).toBeNull();
  });

  test('keeps what is still in another field of the record from expiring', async () => {
    const record = newRecord();
    const [id] = (await uploads(1)) as [string];
    await link({ record, field: 'one', attachmentIds: [id] });
    await link({ record, field: 'two', attachmentIds: [id] });
    const first = await link({ record, field: 'one', attachmentIds: [] });
    expect(first.data?.linkAttachments.unlinked).toMatchObject([{ id, expiresAt: null }]);
    const second = await link({ record, field: 'two', attachmentIds: [] });
    expect(second.data?.linkAttachments.unlinked[0]?.expiresAt).not.toBeNull();
  });

  test('is all or nothing, and names each id that it cannot link', async () => {
    const record = newRecord();
    const mine = await uploads(2);
    const stranger = await newClient(service);
    const theirs = await uploads(1, stranger);
    const [taken] = (await uploads(1)) as [string];
    await link({ record: newRecord(), attachmentIds: [taken] });
    const answer = await link({ record, attachmentIds: [mine[0], theirs[0], taken, 'never-was', mine[1]] });
    expect(answer.errors?.[0]?.extensions.code).toBe('NOT_FOUND');
    expect(answer.errors?.[0]?.extensions.details.map(({ loc, type }) => [loc.at(-1), type])).toEqual([
      [1, 'not_found'],
      [2, 'already_claimed'],
      [3, 'not_found'],
    ]);
    const { record: found } = await service.client.ask<{
      record: { field: { version: number; links: unknown[] } };
    }>('query ($id: ID!) { record(type: "Account", id: $id) { field { version links { position } } } }', {
      id: record.id,
    });
    expect(found.field).toEqual({ version: 0, links: [] });
    const { attachment } = await service.client.ask<{ attachment: { claimedAt: string | null } }>(
      'query ($id: ID!) { attachment(id: $id) { claimedAt } }',
      { id: mine[0] },
    );
    expect(attachment.claimedAt).toBeNull();
  });

  test('refuses an expected version that is not the current one', async () => {
    const record = newRecord();
    const ids = await uploads(2);
    expect((await link({ record, attachmentIds: [ids[0]], expectedVersion: 0 })).errors).toBeUndefined();
    const stale = await link({ record, attachmentIds: ids, expectedVersion: 0 });
    expect(stale.errors?.[0]?.extensions).toMatchObject({
      code: 'VERSION_CONFLICT',
      details: [{ loc: ['input', 'expectedVersion'], type: 'version_conflict' }],
    });
    expect(
      (await link({ record, attachmentIds: ids, expectedVersion: 1 })).data?.linkAttachments.field.version,
    ).toBe(2);
  });

  test('refuses duplicates and more than 1,000', async () => {
    const record = newRecord();
    const [id] = (await uploads(1)) as [string];
    const twice = await link({ record, attachmentIds: [id, id] });
    expect(twice.errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      details: [{ type: 'duplicate' }],
    });
    for (const length of [1_001, 20_000])
      for (const mode of ['ADD', 'REPLACE', 'REMOVE']) {
        const attachmentIds = Array.from({ length }, (_, index) => `id-${index}`);
        const many = await link({ record, attachmentIds, mode });
        expect(many.errors?.map(({ extensions }) => extensions)).toEqual([
          {
            code: 'TOO_MANY_ATTACHMENTS',
            limit: 1_000,
            details: [{ loc: ['input', 'attachmentIds'], msg: expect.any(String), type: 'too_many' }],
          },
        ]);
      }
  });

  test('writers on one field, each with the version it has seen, lose no acknowledged update', async () => {
    const record = newRecord();
    const ids = await uploads(writers);
    let conflicts = 0;
    const random = seededRandom();
    const write = async (id: string): Promise<void> => {
      for (;;) {
        const { record: seen } = await service.client.ask<{
          record: { field: { version: number; links: { attachment: { id: string } }[] } };
        }>(
          'query ($id: ID!) { record(type: "Account", id: $id) { field { version links { attachment { id } } } } }',
          { id: record.id },
        );
        const attachmentIds = [...seen.field.links.map(({ attachment }) => attachment.id), id];
        const answer = await link({ record, attachmentIds, expectedVersion: seen.field.version });
        if (!answer.errors) return;
        expect(answer.errors[0]?.extensions.code).toBe('VERSION_CONFLICT');
        conflicts += 1;
        await sleep(random.integer(0, 50));
      }
    };
    await Promise.all(ids.map(write));
    const after = await link({ record, attachmentIds: [], mode: 'REMOVE' });
    report(
      `${writers} writers: ${writers} acknowledged, ${conflicts} conflicts retried, version ${after.data?.linkAttachments.field.version}`,
    );
    expect([...(idsOf(after) ?? [])].sort()).toEqual([...ids].sort());
    expect(after.data?.linkAttachments.field.version).toBe(writers);
  }, 180_000);

  test('50 writers adding to one field at once keep every one of them, without gaps', async () => {
    const record = newRecord();
    const ids = await uploads(50);
    await Promise.all(ids.map((id) => link({ record, attachmentIds: [id], mode: 'ADD' })));
    const after = await link({ record, attachmentIds: [], mode: 'ADD' });
    expect([...(idsOf(after) ?? [])].sort()).toEqual([...ids].sort());
    expect(after.data?.linkAttachments.links.map(({ position }) => position)).toEqual(
      ids.map((_, index) => index),
    );
  });

  test('deleting an attachment takes it out of its fields and closes the gap', async () => {
    const record = newRecord();
    const ids = await uploads(3);
    await link({ record, attachmentIds: ids });
    await service.client.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
      { id: ids[1] },
    );
    const after = await link({ record, attachmentIds: [], mode: 'ADD' });
    expect(
      after.data?.linkAttachments.links.map(({ position, attachment }) => [position, attachment.id]),
    ).toEqual([
      [0, ids[0]],
      [1, ids[2]],
    ]);
    expect(after.data?.linkAttachments.field.version).toBe(2);
  });
});
