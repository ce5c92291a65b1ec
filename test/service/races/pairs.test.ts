import type { Client } from '../../support/client.js';
import { claim, link } from '../doors/links.js';
import { codeOf, type Operation, RaceStage } from './race-stage.js';

let races: RaceStage;
beforeAll(async () => {
  races = await RaceStage.open({ SCANNER: 'eicar' });
});
afterAll(() => races[Symbol.asyncDispose]());

const mutation = (client: Client, name: string, type: string, input: object, fields: string) =>
  client.graphql<object>(`mutation ($input: ${type}!) { ${name}(input: $input) { ${fields} } }`, { input });

let descriptions = 0;
/** One that nothing has said yet: an update to what is said already changes nothing. */
const newDescription = () => {
  descriptions += 1;
  return String(descriptions);
};

/** Operations on one attachment, with the event that each success leaves. Null: more than one answer may do without. */
const operations: Record<string, { event: string | null; run: (id: string) => Operation }> = {
  claim: { event: null, run: (id) => (client) => claim(client, id, { type: 'Task', id }) },
  link: {
    event: null,
    run: (id) => (client) =>
      link(client, { record: { type: 'Event', id }, attachmentIds: [id], mode: 'ADD' }),
  },
  unlink: {
    event: null,
    run: (id) => (client) =>
      link(client, { record: { type: 'Event', id }, attachmentIds: [id], mode: 'REMOVE' }),
  },
  update: {
    event: 'ATTACHMENT_UPDATED',
    run: (id) => (client) =>
      mutation(
        client,
        'updateAttachment',
        'UpdateAttachmentInput',
        { attachmentId: id, description: newDescription() },
        'attachment { id description { raw } links(first: 5) { nodes { attachment { id } } } }',
      ),
  },
  copy: {
    event: null,
    run: (id) => (client) =>
      mutation(
        client,
        'copyAttachment',
        'CopyAttachmentInput',
        { attachmentId: id },
        'attachment { id size }',
      ),
  },
  rescan: {
    event: 'ATTACHMENT_RESCANNED',
    run: (id) => (client) =>
      mutation(
        client,
        'rescanAttachment',
        'RescanAttachmentInput',
        { attachmentId: id },
        'attachment { id status }',
      ),
  },
  replace: {
    event: 'ATTACHMENT_REPLACED',
    run: (id) => (client) =>
      mutation(
        client,
        'replaceContent',
        'ReplaceContentInput',
        { attachmentId: id, content: { base64: 'eA==' } },
        'attachment { id version } version { version status }',
      ),
  },
  delete: {
    event: 'ATTACHMENT_DELETED',
    run: (id) => (client) =>
      mutation(
        client,
        'deleteAttachment',
        'DeleteAttachmentInput',
        { attachmentId: id },
        'deletedAttachmentId',
      ),
  },
  transfer: {
    event: 'ATTACHMENT_TRANSFERRED',
    run: (id) => (client) =>
      mutation(
        client,
        'transferAttachment',
        'TransferAttachmentInput',
        { attachmentId: id, from: { type: 'Task', id: 'other' }, to: { type: 'Task', id }, field: 'files' },
        'attachment { id record { recordId } }',
      ),
  },
  'delete record': {
    event: null,
    run: (id) => (client) =>
      mutation(
        client,
        'deleteRecordAttachments',
        'DeleteRecordAttachmentsInput',
        { record: { type: 'Task', id } },
        'deletedAttachmentIds',
      ),
  },
};

const allowed = new Set(['ok', 'NOT_FOUND', 'NOT_APPROVED', 'ALREADY_CLAIMED']);

test('any two operations at once on one attachment: each says what it has done, and each change leaves one event', async () => {
  const names = Object.keys(operations);
  const pairs = names.flatMap((one, index) => names.slice(index).map((other) => [one, other] as const));
  let next = 0;
  await races.run('pairs of operations', pairs.length * 3, async () => {
    const pair = pairs[next % pairs.length] ?? ['claim', 'claim'];
    next += 1;
    const { id } = await races.upload(
      races.random.next() < 0.5 ? { record: { type: 'Task', id: 'other' } } : {},
    );
    const answers = await races.atOnce(pair.flatMap((name) => operations[name]?.run(id) ?? []));
    const codes = answers.map(codeOf);
    expect([pair, codes.filter((code) => !allowed.has(code))]).toEqual([pair, []]);
    const events = await races.events(id);
    for (const name of new Set(pair)) {
      const event = operations[name]?.event ?? null;
      const successes = codes.filter((code, index) => code === 'ok' && pair[index] === name).length;
      if (event !== null) expect([pair, event, events[event] ?? 0]).toEqual([pair, event, successes]);
    }
    for (const once of [
      'ATTACHMENT_CREATED',
      'ATTACHMENT_CLAIMED',
      'ATTACHMENT_LINKED',
      'ATTACHMENT_DELETED',
    ])
      expect([pair, once, (events[once] ?? 0) <= 1]).toEqual([pair, once, true]);
    return 'ok';
  });
  expect(await races.stage.ledger.dangling()).toEqual([]);
});
