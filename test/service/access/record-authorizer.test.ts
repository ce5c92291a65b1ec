import { setTimeout as pause } from 'node:timers/promises';
import type { AttachmentData, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { readZip } from '../../support/read-zip.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { storedFiles } from '../../support/stored-files.js';
import { onAttachment, onRecord, openLive } from '../live/live-client.js';
import { type Asked, type PolicyServer, startPolicyServer } from './policy-server.js';

const counter = new StatementCounter();
let policy: PolicyServer;
let service: TestService;
/** Another principal, about whom other questions are asked, so that its answers are remembered apart. */
let colleague: Client;
beforeAll(async () => {
  policy = await startPolicyServer();
  service = await startService({ RECORD_AUTHORIZER_URL: policy.url }, { statementLogger: counter });
  colleague = await newClient(service);
});
afterAll(async () => {
  await service.close();
  await policy.close();
});
afterEach(() => {
  policy.decide = () => true;
  policy.misbehave = null;
});

let records = 0;
/** Each test has a record of its own, so that no answer is remembered. */
const newRecord = () => {
  records += 1;
  return { type: 'Case', id: `${records}` };
};
type Ref = ReturnType<typeof newRecord>;

const file = (name = 'x.txt') => ({ content: `content of ${name}`, name });
const upload = (input: object = {}) => service.client.upload(file(), input);
const run = (operation: string, input: object) => {
  const type = `${operation[0]?.toUpperCase()}${operation.slice(1)}Input`;
  return service.client.graphql(
    `mutation ($input: ${type}!) { ${operation}(input: $input) { __typename } }`,
    { input },
  );
};
const find = async (id: string) => {
  const query = `query ($id: ID!) { attachment(id: $id) { id fileName record { id: recordId } links { nodes { record { id: recordId } } } downloadUrl } }`;
  const answer = await service.client.graphql<{
    attachment: { record: Ref | null; fileName: string; links: { nodes: { record: Ref }[] } } | null;
  }>(query, { id });
  return answer.data?.attachment ?? null;
};
const about = (record: Ref) => policy.asked.filter((asked) => asked.record.id === record.id);
const deny = (action: Asked['action'], record: Ref, field?: string | null) => {
  policy.decide = (asked) =>
    asked.action !== action ||
    asked.record.id !== record.id ||
    (field !== undefined && asked.field !== field);
};

describe('a change that may not be made is refused before anything is written', () => {
  const edits: [
    string,
    (record: Ref, ids: Record<'free' | 'claimed' | 'linked', string>) => [string, object],
  ][] = [
    [
      'createAttachment',
      (record) => ['createAttachment', { content: { base64: 'eA==' }, fileName: 'x.txt', record }],
    ],
    [
      'createAttachment into a field',
      (record) => [
        'createAttachment',
        { content: { base64: 'eA==' }, fileName: 'x.txt', record, field: 'files' },
      ],
    ],
    ['claimAttachment', (record, { free }) => ['claimAttachment', { attachmentId: free, record }]],
    [
      'linkAttachments',
      (record, { free }) => ['linkAttachments', { attachmentIds: [free], record, field: 'files' }],
    ],
    ['emptying a field', (record) => ['linkAttachments', { attachmentIds: [], record, field: 'files' }]],
    [
      'updateAttachment',
      (_, { claimed }) => ['updateAttachment', { attachmentId: claimed, fileName: 'y.txt' }],
    ],
    [
      'updateAttachment of a linked one',
      (_, { linked }) => ['updateAttachment', { attachmentId: linked, fileName: 'y.txt' }],
    ],
    ['deleteAttachment', (_, { claimed }) => ['deleteAttachment', { attachmentId: claimed }]],
    ['deleteAttachment of a linked one', (_, { linked }) => ['deleteAttachment', { attachmentId: linked }]],
    ['deleteRecordAttachments', (record) => ['deleteRecordAttachments', { record }]],
    [
      'transferAttachment from it',
      (record, { claimed }) => [
        'transferAttachment',
        { attachmentId: claimed, from: record, to: { type: 'Case', id: 'else' } },
      ],
    ],
    [
      'transferAttachment from a field of it',
      (record, { linked }) => [
        'transferAttachment',
        { attachmentId: linked, from: record, to: { type: 'Case', id: 'else' } },
      ],
    ],
    [
      'copyRecordAttachments to it',
      (to) => ['copyRecordAttachments', { from: { type: 'Case', id: 'else' }, to }],
    ],
  ];

  test.each(edits)('%s', async (_, toMutation) => {
    const record = newRecord();
    const ids = {
      free: (await upload()).id,
      claimed: (await colleague.upload(file(), { record })).id,
      linked: (await colleague.upload(file(), { record, field: 'files' })).id,
    };
    deny('edit', record);
    const before = [await find(ids.free), await find(ids.claimed), await find(ids.linked)];
    const files = await storedFiles(service.dataDirectory);
    const [operation, input] = toMutation(record, ids);
    const { errors } = await run(operation, input);
    expect(errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    expect(errors?.[0]?.extensions.details[0]?.type).toBe('record_not_editable');
    expect(about(record).some(({ action }) => action === 'edit')).toBe(true);
    expect(undated([await find(ids.free), await find(ids.claimed), await find(ids.linked)])).toEqual(
      undated(before),
    );
    expect(await storedFiles(service.dataDirectory)).toEqual(files);
  });

  test('a multipart upload leaves no bytes behind', async () => {
    const record = newRecord();
    deny('edit', record);
    const before = await storedFiles(service.dataDirectory);
    const { errors } = await service.client.tryUpload(file(), { record });
    expect(errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    expect(await storedFiles(service.dataDirectory)).toEqual(before);
  });

  test('an attachment that is neither claimed nor linked is nobody else’s business', async () => {
    const asked = policy.asked.length;
    const { id } = await upload();
    expect((await run('updateAttachment', { attachmentId: id, fileName: 'y.txt' })).errors).toBeUndefined();
    expect((await find(id))?.fileName).toBe('y.txt');
    expect((await run('deleteAttachment', { attachmentId: id })).errors).toBeUndefined();
    expect(policy.asked).toHaveLength(asked);
  });

  test('who may edit one field may not therefore edit another', async () => {
    const record = newRecord();
    deny('edit', record, 'secret');
    const [open, closed] = [await upload(), await upload()];
    const link = (id: string, field: string) =>
      run('linkAttachments', { attachmentIds: [id], record, field });
    expect((await link(open.id, 'files')).errors).toBeUndefined();
    expect((await link(closed.id, 'secret')).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  });
});

describe('an attachment that may not be viewed does not exist', () => {
  let record: Ref;
  let claimed: AttachmentData;
  let linked: AttachmentData;
  beforeEach(async () => {
    record = newRecord();
    deny('view', record);
    claimed = await upload({ record });
    linked = await upload({ record, field: 'files' });
  });
  const never = '01a1fb65-08c0-765b-84f5-000000000000';
  /** The answer to an operation on an id, the id itself taken out. */
  const answerTo = async (query: string, id: string) => {
    const { status, data, errors } = await service.client.graphql(query, { id });
    return JSON.parse(JSON.stringify({ status, data, errors }).replaceAll(id, '<id>')) as unknown;
  };

  test.each([
    'query ($id: ID!) { attachment(id: $id) { id } }',
    'query ($id: ID!) { node(id: $id) { id } }',
    'query ($id: ID!) { webhookDeliveries(attachmentId: $id) { nodes { id } } }',
    'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
    'mutation ($id: ID!) { copyAttachment(input: { attachmentId: $id }) { attachment { id } } }',
    'mutation ($id: ID!) { rescanAttachment(input: { attachmentId: $id }) { attachment { id } } }',
    'mutation ($id: ID!) { releaseAttachment(input: { attachmentId: $id, reason: "x" }) { attachment { id } } }',
    'mutation ($id: ID!) { updateAttachment(input: { attachmentId: $id, fileName: "y.txt" }) { attachment { id } } }',
    'mutation ($id: ID!) { claimAttachment(input: { attachmentId: $id, record: { type: "Case", id: "free" } }) { alreadyClaimed } }',
    'mutation ($id: ID!) { linkAttachments(input: { attachmentIds: [$id], record: { type: "Case", id: "free" } }) { links { position } } }',
    'mutation ($id: ID!) { transferAttachment(input: { attachmentId: $id, from: { type: "Case", id: "a" }, to: { type: "Case", id: "b" } }) { attachment { id } } }',
  ])('%s', async (query) => {
    const expected = await answerTo(query, never);
    expect(await answerTo(query, claimed.id)).toEqual(expected);
    expect(await answerTo(query, linked.id)).toEqual(expected);
  });

  test('downloads, and the record, and lists', async () => {
    const answer = await service.client.download(claimed.url);
    const other = await service.client.download(claimed.url.replace(claimed.id, never));
    expect([answer.status, await answer.text()]).toEqual([404, await other.text()]);
    const look = (id: string) =>
      service.client.ask(
        `query ($id: ID!) { record(type: "Case", id: $id) {
          fields { name } field(name: "files") { version links(includePending: true) { position } }
          attachments { nodes { id } pageInfo { hasNextPage endCursor } } } }`,
        { id },
      );
    expect(await look(record.id)).toEqual(await look('never-was'));
    const { attachments } = await service.client.ask<{ attachments: { nodes: { id: string }[] } }>(
      '{ attachments(first: 1000) { nodes { id } } }',
    );
    const ids = attachments.nodes.map(({ id }) => id);
    expect(ids).not.toContain(claimed.id);
    expect(ids).not.toContain(linked.id);
  });

  test('a total would count what is hidden, and is refused', async () => {
    const { errors } = await service.client.graphql('{ attachments { totalCount } }');
    expect(errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  });

  test('the answer to an upload has no signed URL for whoever may write and not read', async () => {
    const other = newRecord();
    deny('view', other);
    const { data } = await service.client.graphql<{ createAttachment: { attachment: object } }>(
      `mutation ($record: RecordInput!) { createAttachment(input: {
        content: { base64: "eA==" }, fileName: "x.txt", record: $record }) {
        attachment { downloadUrl record { id: recordId } } } }`,
      { record: other },
    );
    expect(data?.createAttachment.attachment).toEqual({ downloadUrl: null, record: null });
  });
});

test('a field that may not be viewed hides what is only there', async () => {
  const record = newRecord();
  deny('view', record, 'secret');
  const hidden = await upload({ record, field: 'secret' });
  const shown = await upload({ record, field: 'files' });
  const { record: seen } = await service.client.ask<{
    record: { fields: { name: string }[]; attachments: { nodes: { id: string }[] } };
  }>('query ($id: ID!) { record(type: "Case", id: $id) { fields { name } attachments { nodes { id } } } }', {
    id: record.id,
  });
  expect(seen).toEqual({ fields: [{ name: 'files' }], attachments: { nodes: [{ id: shown.id }] } });
  expect(await find(hidden.id)).toBeNull();
  expect((await service.client.download(hidden.url)).status).toBe(404);
});

test('a record is copied without the fields that may not be viewed', async () => {
  const [from, to] = [newRecord(), newRecord()];
  deny('view', from, 'secret');
  await upload({ record: from, field: 'secret' });
  await upload({ record: from, field: 'files' });
  await run('copyRecordAttachments', { from, to });
  const { record } = await service.client.ask<{ record: object }>(
    'query ($id: ID!) { record(type: "Case", id: $id) { fields { name links { position } } } }',
    { id: to.id },
  );
  expect(record).toEqual({ fields: [{ name: 'files', links: [{ position: 0 }] }] });
});

test('an archive has the fields that the maker of its URL may view when it is fetched, and no others', async () => {
  const record = newRecord();
  deny('view', record, 'secret');
  await service.client.upload(file('hidden.txt'), { record, field: 'secret' });
  await service.client.upload(file('shown.txt'), { record, field: 'files' });
  await service.client.upload(file('claimed.txt'), { record });
  const { record: seen } = await service.client.ask<{ record: { all: string; secret: string } }>(
    `query ($id: ID!) { record(type: "Case", id: $id) { all: archiveUrl secret: archiveUrl(field: "secret") } }`,
    { id: record.id },
  );
  const namesIn = async (url: string) =>
    readZip(Buffer.from(await (await fetch(url)).arrayBuffer())).map(({ name }) => name);
  expect([await namesIn(seen.all), await namesIn(seen.secret)]).toEqual([['shown.txt', 'claimed.txt'], []]);
  expect(about(record).filter(({ principal }) => principal.kind !== 'SERVICE')).toEqual([]);
});

test('an archive under way leaves out what has moved to where the maker of its URL may not see it', async () => {
  const [record, closed] = [newRecord(), newRecord()];
  deny('view', closed);
  // More than the connection takes before its client reads.
  const large = { content: new Uint8Array(32 * 1024 * 1024), name: 'large.bin' };
  await service.client.upload(large, { record, field: 'files' });
  const { id } = await service.client.upload(file('moved.txt'), { record, field: 'files' });
  const { record: seen } = await service.client.ask<{ record: { archiveUrl: string } }>(
    'query ($id: ID!) { record(type: "Case", id: $id) { archiveUrl } }',
    { id: record.id },
  );
  const answer = await fetch(seen.archiveUrl);
  const { errors } = await run('transferAttachment', { attachmentId: id, from: record, to: closed });
  expect(errors).toBeUndefined();
  const names = readZip(Buffer.from(await answer.arrayBuffer())).map(({ name }) => name);
  expect(names).toEqual(['large.bin']);
});

test('a transfer asks whether the field that takes the attachment may be edited, and the fields that give it', async () => {
  const [from, other, to] = [newRecord(), newRecord(), newRecord()];
  const give = async (record: Ref, field: string) => {
    const { id } = await upload({ record, field: 'files' });
    const { errors } = await run('transferAttachment', { attachmentId: id, from: record, to, field });
    return errors?.[0]?.extensions.details[0]?.loc;
  };
  deny('edit', to, 'closed');
  expect([await give(from, 'closed'), await give(from, 'open')]).toEqual([['input', 'to'], undefined]);
  // The colleague's questions are remembered apart.
  const { id } = await colleague.upload(file(), { record: other, field: 'files' });
  deny('edit', other, 'files');
  const { errors } = await run('transferAttachment', { attachmentId: id, from: other, to: from });
  expect(errors?.[0]?.extensions.details[0]?.loc).toEqual(['input', 'from']);
});

test('subscriptions tell of what may be viewed, and of nothing else', async () => {
  const [open, closed] = [newRecord(), newRecord()];
  deny('view', closed);
  const hidden = await upload({ record: closed });
  const live = await openLive(service.url, service.key);
  const refused = live.subscribe(onAttachment(hidden.id));
  expect((await refused.refused())?.['code']).toBe('NOT_FOUND');
  const [shown, silent] = [live.subscribe(onRecord(open)), live.subscribe(onRecord(closed))];
  await live.settled();
  await upload({ record: closed });
  const { id } = await upload({ record: open });
  expect((await shown.until()).id).toBe(id);
  expect([silent.events, silent.errors]).toEqual([[], []]);
  shown.end();
  silent.end();
  live.close();
});

test('pages are full, and turn without a gap, whatever is hidden in between', async () => {
  const [open, closed] = [newRecord(), newRecord()];
  deny('view', closed);
  const kept: string[] = [];
  for (let index = 0; index < 12; index += 1) {
    const { id } = await upload({ record: index % 3 === 0 ? open : closed });
    if (index % 3 === 0) kept.unshift(id);
  }
  const seen: string[] = [];
  let after: string | null = null;
  for (let page = 0; page < 2; page += 1) {
    const answer: { attachments: { nodes: { id: string }[]; pageInfo: { endCursor: string } } } =
      await service.client.ask(
        'query ($after: String) { attachments(first: 2, after: $after) { nodes { id } pageInfo { endCursor } } }',
        { after },
      );
    seen.push(...answer.attachments.nodes.map(({ id }) => id));
    after = answer.attachments.pageInfo.endCursor;
  }
  expect(seen).toEqual(kept);
});

test('a page asks once for each record, and costs as many statements however long it is', async () => {
  const record = newRecord();
  for (let index = 0; index < 30; index += 1) await upload({ record, field: 'files' });
  const reader = await newClient(service);
  const page = (first: number) => () =>
    reader.ask(
      `{ attachments(first: ${first}) { nodes { id record { id: recordId } links { nodes { field } } } } }`,
    );
  const before = about(record).length;
  await page(3)();
  await page(30)();
  expect(
    about(record)
      .slice(before)
      .map(({ field }) => field)
      .toSorted(),
  ).toEqual(['files', null]);
  const small = await counter.fewest(page(3));
  expect(await counter.fewest(page(30))).toBeLessThanOrEqual(small + 4);
});

test('it is never asked while a transaction is open', async () => {
  const record = newRecord();
  let insideTransaction = 0;
  const isOpen = () => {
    const last = counter.statements.findLastIndex((sql) => /^(BEGIN|COMMIT|ROLLBACK)/.test(sql));
    return counter.statements[last]?.startsWith('BEGIN') ?? false;
  };
  // Somebody else's transaction ends meanwhile; one that waits for this answer does not.
  policy.decide = async () => {
    for (let left = 50; left > 0 && isOpen(); left -= 1) await pause(20);
    if (isOpen()) insideTransaction += 1;
    return true;
  };
  const { id } = await upload({ record, field: 'files' });
  await run('updateAttachment', { attachmentId: id, fileName: 'z.txt' });
  await run('deleteAttachment', { attachmentId: id });
  await run('deleteRecordAttachments', { record });
  expect(about(record).length).toBeGreaterThan(2);
  expect(insideTransaction).toBe(0);
});

/** Without the signed URLs, which differ from one moment to the next. */
function undated(seen: unknown): unknown {
  return JSON.parse(JSON.stringify(seen, (key, value: unknown) => (key === 'downloadUrl' ? null : value)));
}
