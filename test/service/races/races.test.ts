import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { RecordFieldRow } from '../../../src/database/entities/record-field.js';
import type { Answer, Client } from '../../support/client.js';
import { bring, createFrom, openTarget, putTo } from '../doors/doors.js';
import { type Claimed, claim, type Linked, link } from '../doors/links.js';
import { codeOf, RaceStage } from './race-stage.js';

let races: RaceStage;
beforeAll(async () => {
  races = await RaceStage.open();
});
afterAll(() => races[Symbol.asyncDispose]());
afterEach(async () => expect(await races.stage.ledger.dangling()).toEqual([]));

const remove = (id: string) => (client: Client) =>
  client.graphql<object>(
    'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
    { id },
  );

test('a PUT whose bytes were taken says so, whoever asks for them meanwhile', async () => {
  await races.run('PUT beside createAttachment(documentKey)', 12, async () => {
    const name = races.stage.newName();
    const file = { content: Buffer.from(name), name: `${name}.txt`, type: 'text/plain' };
    const target = await openTarget(races.client, file);
    if (!('documentKey' in target)) throw new Error('There is no target.');
    let isOver = false;
    const asking = async () => {
      for (;;) {
        const wasOver = isOver;
        const answer = await createFrom(races.client, target.documentKey);
        if (wasOver || answer.errors?.[0]?.extensions.code !== 'UPLOAD_NOT_FINISHED') return answer;
      }
    };
    const putting = putTo(target.url, file).finally(() => {
      isOver = true;
    });
    const [put, created] = await Promise.all([putting, asking()]);
    expect([put.status, codeOf(created)]).toEqual([201, 'ok']);
    return 'ok';
  });
});

/** A ZIP whose kind is told by its end, which is not kept in memory. */
const zip = Buffer.concat([
  Buffer.from('PK\x03\x04'),
  Buffer.alloc(100_000, 7),
  Buffer.from('PK\x05\x06'),
  Buffer.alloc(18),
]);

test.each([
  ['text', '.txt', 'text/plain', Buffer.from('text')],
  ['an archive', '.zip', 'application/zip', zip],
])(
  'a PUT of %s whose bytes were taken, used and deleted before it is answered says so',
  async (_, end, type, bytes) => {
    await races.run('PUT beside createAttachment(documentKey), deleted at once', 8, async () => {
      const name = races.stage.newName();
      const file = { content: bytes, name: `${name}${end}`, type };
      const target = await openTarget(races.client, file);
      if (!('documentKey' in target)) throw new Error('There is no target.');
      const using = async () => {
        for (;;) {
          const answer = await createFrom(races.client, target.documentKey);
          const id = answer.data?.createAttachment?.attachment.id;
          if (id !== undefined) return remove(id)(races.client);
          expect(codeOf(answer)).toBe('UPLOAD_NOT_FINISHED');
        }
      };
      const [put, removed] = await Promise.all([putTo(target.url, file), using()]);
      expect([put.status, codeOf(removed)]).toEqual([201, 'ok']);
      return 'ok';
    });
  },
);

test('exactly one of two claims at once by one record says that it was the first', async () => {
  await races.run('two claims by one record', 16, async () => {
    const { id } = await races.upload();
    const record = { type: 'Task', id };
    const answers = await races.atOnce([
      (client) => claim(client, id, record),
      (client) => claim(client, id, record),
    ]);
    const said = answers.map(({ data }) => (data as Claimed).claimAttachment.alreadyClaimed);
    expect([said.toSorted(), (await races.events(id))['ATTACHMENT_CLAIMED']]).toEqual([[false, true], 1]);
    return 'ok';
  });
});

test('linkAttachments beside a deletion either says what it has done, or has done nothing', async () => {
  const balance = { headMs: 0 };
  await races.run('linkAttachments beside a deletion', 24, async () => {
    const [kept, gone] = [await races.upload(), await races.upload()];
    const record = { type: 'Task', id: kept.id };
    const attachmentIds = [kept.id, gone.id];
    const linking = () => link(races.client, { record, attachmentIds });
    const removing = () => remove(gone.id)(races.client);
    const linked = await races.evenly(balance, [linking, removing], ({ errors }) => errors === undefined);
    const { data, errors } = linked as Answer<Linked>;
    const { id: recordId } = record;
    const field = await races.stage.ledger.database.read.findOneBy(RecordFieldRow, { recordId });
    if (errors) {
      expect([errors[0]?.extensions.code, data, field]).toEqual([
        'NOT_FOUND',
        { linkAttachments: null },
        null,
      ]);
      return 'NOT_FOUND';
    }
    const links = data?.linkAttachments.links.map(({ attachment }) => attachment.id);
    expect([data?.linkAttachments.field.version, links]).toEqual([1, [kept.id, gone.id]]);
    // The link, and that it has gone with its attachment.
    expect(field?.version).toBe(2);
    return 'linked';
  });
});

test('a linked attachment is shown whole beside deletions', async () => {
  const query = `query ($id: ID!) { record(type: "Event", id: $id) { field { version
    links(includePending: true) { attachment { id links(first: 9) { nodes { attachment { id } } } } } } } }`;
  await races.run('a query of links beside a deletion', 12, async () => {
    const uploads = [await races.upload(), await races.upload()];
    const record = { type: 'Event', id: uploads[0]?.id ?? '' };
    await link(races.client, { record, attachmentIds: uploads.map(({ id }) => id) });
    const [seen] = await races.atOnce([
      (client) => client.graphql(query, { id: record.id }),
      remove(uploads[1]?.id ?? ''),
    ]);
    expect(seen && codeOf(seen)).toBe('ok');
    return 'ok';
  });
});

test('one idempotency key has one attachment, also where it is deleted between two retries', async () => {
  await races.run('a retry, a deletion and a retry', 16, async () => {
    const idempotencyKey = races.stage.newName();
    const create = (client: Client) =>
      client.graphql<{ createAttachment: { attachment: { id: string } } }>(
        `mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }`,
        { input: { content: { base64: 'YQ==' }, fileName: `${idempotencyKey}.txt`, idempotencyKey } },
      );
    const first = (await create(races.client)).data?.createAttachment.attachment.id ?? '';
    const answers = await races.atOnce([create, remove(first), create, create]);
    expect(answers.map(codeOf)).toEqual(['ok', 'ok', 'ok', 'ok']);
    const again = await create(races.client);
    const fileName = `${idempotencyKey}.txt`;
    const rows = await races.stage.ledger.database.read.findBy(AttachmentRow, { fileName });
    expect(rows.map(({ id }) => id)).toEqual([again.data?.createAttachment.attachment.id]);
    return 'ok';
  });
});

test('a creation from a document key beside the deletion of its last attachment succeeds, or the key is unknown', async () => {
  const balance = { headMs: 0 };
  await races.run('createAttachment(documentKey) beside a deletion', 24, async () => {
    const file = { content: Buffer.from(races.stage.newName()), name: 'b.txt', type: 'text/plain' };
    const key = String(await bring(races.client, file));
    const first = (await createFrom(races.client, key)).data?.createAttachment.attachment.id ?? '';
    const creating = () => createFrom(races.client, key);
    const removing = () => remove(first)(races.client);
    const code = codeOf(
      await races.evenly(balance, [creating, removing], ({ errors }) => errors === undefined),
    );
    expect(['ok', 'DOCUMENT_KEY_UNKNOWN']).toContain(code);
    return code;
  });
});

test('a download beside the deletion has the bytes, or there is no such file', async () => {
  const balance = { headMs: 0 };
  await races.run('a download beside a deletion', 24, async () => {
    const { id, url } = await races.upload();
    const downloading = async () => {
      const { status, headers } = await races.client.download(url);
      return { status, headers, data: {}, errors: undefined };
    };
    const removing = () => remove(id)(races.client);
    const { status } = await races.evenly(
      balance,
      [downloading, removing],
      (answer) => answer.status === 200,
    );
    expect([200, 404]).toContain(status);
    return String(status);
  });
});
