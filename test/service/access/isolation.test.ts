import { v7 as uuidv7 } from 'uuid';
import { encodeCursor } from '../../../src/database/page.js';
import type { Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { startService } from '../../support/service.js';
import { onAttachment, onRecord, openLive } from '../live/live-client.js';
import { StreamClient } from '../live/stream-client.js';
import { type Kind, type Pair, recordType, type Stage, setStage } from './isolation-stage.js';
import { allOperations, type Leaf, type Operation } from './sample-operations.js';

const attachments = ['unclaimed', 'claimed', 'linked', 'trashed'] as const;

/** Seen by their creator only. */
const isOwn = (kind: Kind) => kind === 'unclaimed' || kind === 'trashed';

const nodes = [
  ...attachments,
  ...([
    'apiKey',
    'delivery',
    'endpoint',
    'told',
    'shareLink',
    'record',
    'documentKey',
    'hostRecord',
    'recordField',
    'link',
  ] as const),
];

/** The kinds of thing that each argument names, by operation and path, else by its last part alone. */
const kinds: Readonly<Record<string, readonly Kind[]>> = {
  'node.id': nodes,
  'nodes.ids': nodes,
  '_entities.representations': [...attachments, 'apiKey', 'delivery', 'record'],
  'attachment.id': attachments,
  'revokeApiKey.input.id': ['apiKey'],
  'revokeShareLink.input.id': ['shareLink'],
  'record.id': ['record'],
  attachmentId: attachments,
  attachmentIds: attachments,
  deliveryId: ['delivery', 'told'],
  endpointId: ['endpoint'],
  'updateWebhookEndpoint.input.id': ['endpoint'],
  'rotateWebhookEndpointSecret.input.id': ['endpoint'],
  'enableWebhookEndpoint.input.id': ['endpoint'],
  'deleteWebhookEndpoint.input.id': ['endpoint'],
  'testWebhookEndpoint.input.id': ['endpoint'],
  createdBy: ['principal'],
  principalId: ['principal'],
  documentKey: ['documentKey', 'uploadedKey'],
  'records.refs.id': ['record'],
  'from.id': ['record'],
  'to.id': ['record'],
  'filter.ids': attachments,
  after: ['cursor'],
  before: ['cursor'],
  idempotencyKey: ['idempotencyKey'],
  sha256: ['sha256'],
};

/** Texts that name nothing of anybody's. */
const plain = new Set([
  ...['type', 'contentType', 'fileName', 'fileNameContains', 'description', 'policy', 'recordType', 'field'],
  ...['hash', 'base64', 'dataUrl', 'name', 'permissions', 'reason'],
]);

function kindsOf({ name }: Operation, { path }: Leaf): readonly Kind[] | undefined {
  const parts = path.split('.');
  const last = parts.at(-1) ?? '';
  return (
    kinds[`${name}.${path}`] ??
    kinds[parts.slice(-2).join('.')] ??
    kinds[last] ??
    (plain.has(last) ? [] : undefined)
  );
}

const isName = ({ type }: Leaf) => type === 'ID' || type === 'String' || type === '_Any';
/** Subscriptions are asked over WebSocket, below. */
const operations = allOperations().filter(({ kind }) => kind !== 'subscription');

let stage: Stage;
let before: unknown;
let asked = 0;
beforeAll(async () => {
  stage = await setStage(
    await startService({ WEBHOOK_ALLOW_PRIVATE: 'true', FEDERATION: 'true', TRASH_DAYS: '1' }),
  );
  before = await worldOf(stage.alice);
});
afterAll(async () => {
  report(`${asked} comparisons with what never was`);
  await stage.service.close();
});

test('each argument that names something has a case', () => {
  const missing = allOperations().flatMap((operation) =>
    operation.leaves
      .filter((leaf) => isName(leaf) && kindsOf(operation, leaf) === undefined)
      .map(({ path }) => `${operation.name}: ${path}`),
  );
  expect(missing).toEqual([]);
});

describe('an operation that names nothing shows nothing', () => {
  test.each(operations.map((operation) => [operation.name, operation] as const))(
    '%s',
    async (_, operation) => {
      const variables = await variablesFor(stage.mallory, operation, {});
      const answer = await stage.mallory.graphql(operation.document(operation.everything), variables);
      expectNoMark(JSON.stringify(answer), '');
    },
  );
});

const cases = operations.flatMap((operation) =>
  operation.leaves
    .filter(isName)
    .flatMap((leaf) =>
      (kindsOf(operation, leaf) ?? []).map((kind) => ({ operation, leaf, kind, name: operation.name })),
    ),
);

describe.each(cases)('$name($leaf.path) with the id of $kind', ({ operation, leaf, kind }) => {
  test("another organization's is as good as none", () => compare(stage.mallory, operation, leaf, kind));

  // Administrators see what everybody of their organization has done.
  const isPrivate = isOwn(kind) || kind === 'idempotencyKey' || kind === 'uploadedKey';
  if (isPrivate && operation.name !== 'auditLog') {
    test("a colleague's is as good as none", () => compare(stage.bob, operation, leaf, kind));
  }
});

describe('routes', () => {
  test.each(attachments.flatMap((kind) => ['GET', 'HEAD'].map((method) => ({ kind, method }))))(
    '$method /attachments/{id}/{fileName} of $kind',
    async ({ kind, method }) => {
      const { url, fileName } = stage.files[kind];
      const { theirs, never } = stage.things[kind];
      const intruders = isOwn(kind) ? [stage.mallory, stage.bob] : [stage.mallory];
      for (const { headers } of intruders) {
        const real = await fetch(url, { method, headers });
        const other = await fetch(url.replace(theirs, never), { method, headers });
        expect([real.status, await real.text()]).toEqual([404, await other.text()]);
        expect(headersOf(real)).toEqual(headersOf(other));
        expect(other.status).toBe(404);
        asked += 1;
      }
      expect((await stage.mallory.download(url.replace(fileName, 'guess.txt'))).status).toBe(404);
    },
  );

  test('PUT /uploads/{token}, with the signature of another target', async () => {
    const put = (url: string) =>
      fetch(url, { method: 'PUT', body: 'x', headers: { 'content-type': 'text/plain' } });
    const [id = '', signature = ''] = (stage.uploadUrl.split('/').at(-1) ?? '').split('.');
    const forged = stage.uploadUrl.replace(signature, signature.split('').toReversed().join(''));
    const [real, other] = [await put(forged), await put(forged.replace(id, stage.things.claimed.never))];
    expect([real.status, await real.text()]).toEqual([404, await other.text()]);
    expect(other.status).toBe(404);
    asked += 1;
  });

  test('GET /s/{token}, with a token that nearly is one', async () => {
    const [token = ''] = stage.marks.flatMap((mark) =>
      mark.includes('/s/') ? (mark.split('/s/')[1] ?? '') : [],
    );
    const ask = (guess: string, method = 'GET') => fetch(`${stage.service.url}/s/${guess}`, { method });
    expect((await ask(token, 'HEAD')).status).toBe(200);
    const guesses = [`${token.slice(0, -4)}AAAA`, 'A'.repeat(43), 'x'];
    const answers = await Promise.all(guesses.map((guess) => ask(guess)));
    const bodies = await Promise.all(answers.map((answer) => answer.text()));
    expect([answers.map(({ status }) => status), new Set(bodies).size]).toEqual([[404, 404, 404], 1]);
    asked += 1;
  });

  test('GET /records/archive of a record of the same name has nothing of hers', async () => {
    const archiveOf = async (id: string) => {
      const query = 'query ($id: ID!, $type: String!) { record(type: $type, id: $id) { archiveUrl } }';
      const { record } = await stage.mallory.ask<{ record: { archiveUrl: string } }>(query, {
        type: recordType,
        id,
      });
      const forged = new URL(record.archiveUrl);
      forged.searchParams.set('organization', stage.files.claimed.organizationId);
      expect((await fetch(forged)).status).toBe(403);
      return (await fetch(record.archiveUrl)).text();
    };
    const real = await archiveOf(stage.things.record.theirs);
    expect(real).not.toContain('hush-');
    expect(real.length).toBe((await archiveOf(stage.things.record.never)).length);
    asked += 1;
  });

  test('a signed URL is for its file alone', async () => {
    const { claimed, linked } = stage.files;
    const { attachment } = await stage.alice.ask<{ attachment: { downloadUrl: string } }>(
      'query ($id: ID!) { attachment(id: $id) { downloadUrl } }',
      { id: claimed.id },
    );
    const moveTo = (url: string) => `${url}${new URL(attachment.downloadUrl).search}`;
    const real = await fetch(moveTo(linked.url));
    const other = await fetch(moveTo(linked.url.replace(linked.id, stage.things.linked.never)));
    expect([real.status, await real.text()]).toEqual([403, await other.text()]);
    expect(other.status).toBe(403);
    asked += 1;
  });
});

describe('subscriptions', () => {
  test('each has its case below', () => {
    const subscriptions = allOperations().filter(({ kind }) => kind === 'subscription');
    expect(subscriptions.map(({ name }) => name)).toEqual(['attachmentChanged']);
  });

  test.each(attachments)('attachmentChanged(attachmentId) of %s', async (kind) => {
    const intruders = isOwn(kind) ? [stage.mallory, stage.bob] : [stage.mallory];
    for (const { url, key } of intruders) {
      const live = await openLive(url, key);
      const { theirs, never } = stage.things[kind];
      const [real, other] = [live.subscribe(onAttachment(theirs)), live.subscribe(onAttachment(never))];
      expect(await real.refused()).toEqual(await other.refused());
      expect(real.errors).toEqual(other.errors);
      expect(real.errors[0]?.extensions?.['code']).toBe('NOT_FOUND');
      live.close();
      asked += 1;
    }
  });

  test.each(attachments)('attachmentChanged(attachmentId) of %s, as an event stream', async (kind) => {
    const intruders = isOwn(kind) ? [stage.mallory, stage.bob] : [stage.mallory];
    for (const { url, key } of intruders) {
      for (const isSingle of [false, true]) {
        const streams = new StreamClient(url, key, { isSingle });
        const { theirs, never } = stage.things[kind];
        const [real, other] = [
          streams.subscribe(onAttachment(theirs)),
          streams.subscribe(onAttachment(never)),
        ];
        expect(await real.refused()).toEqual(await other.refused());
        expect(real.errors).toEqual(other.errors);
        expect(real.errors[0]?.extensions?.['code']).toBe('NOT_FOUND');
        streams.close();
        asked += 1;
      }
    }
  });

  test('attachmentChanged(record) tells of nothing as an event stream', async () => {
    const streams = new StreamClient(stage.mallory.url, stage.mallory.key);
    const record = { type: recordType, id: 'hush-9' };
    const told = streams.subscribe(onRecord(record, 'id'));
    const mine: string[] = [];
    while (told.events.length === 0) {
      const { id } = await stage.alice.upload({ content: 'x', name: 'x.txt' }, { record });
      mine.push((await stage.mallory.upload({ content: 'x', name: 'mine.txt' }, { record })).id);
      await stage.alice.ask(
        'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id, permanently: true }) { deletedAttachmentId } }',
        { id },
      );
    }
    expect(told.events.filter(({ id }) => !mine.includes(id))).toEqual([]);
    streams.close();
    asked += 1;
  });

  test('attachmentChanged(record) tells of nothing', async () => {
    const live = await openLive(stage.mallory.url, stage.mallory.key);
    const record = { type: recordType, id: 'hush-8' };
    const told = live.subscribe(onRecord(record));
    await live.settled();
    const { id } = await stage.alice.upload({ content: 'x', name: 'x.txt' }, { record });
    await stage.alice.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id, permanently: true }) { deletedAttachmentId } }',
      { id },
    );
    await stage.mallory.upload({ content: 'x', name: 'mine.txt' }, { record });
    await told.until();
    expect(told.events.map((event) => event.id)).not.toContain(id);
    expect([told.events.length, told.errors]).toEqual([1, []]);
    live.close();
    asked += 1;
  });
});

test("nothing of Alice's has changed", async () => {
  expect(await worldOf(stage.alice)).toEqual(before);
  expect(asked).toBeGreaterThan(60);
});

/** Asks for a thing of Alice's and for one that never was: status, errors and data must be the same, and tell nothing of her. */
async function compare(client: Client, operation: Operation, leaf: Leaf, kind: Kind): Promise<void> {
  for (const mode of variantsOf(operation)) {
    const { theirs, never } = await pairOf(operation, kind);
    const ask = async (value: string) => {
      const named = leaf.type === '_Any' ? representationOf(kind, value) : value;
      const given = { [leaf.path]: leaf.isList ? [named] : named, ...mode };
      const answer = await client.graphql(
        operation.document(operation.everything),
        await variablesFor(client, operation, given),
      );
      const { status, data, errors } = answer;
      const text = withReceiptsRead(JSON.stringify({ status, data, errors }));
      if (client === stage.mallory) expectNoMark(text, value);
      return JSON.parse(mask(text, value)) as unknown;
    };
    expect(await ask(theirs)).toEqual(await ask(never));
    asked += 1;
  }
}

/** The name that another subgraph has for a thing. */
const representationOf = (kind: Kind, value: string) =>
  kind === 'record'
    ? { __typename: 'HostRecord', type: recordType, recordId: value }
    : { __typename: 'Attachment', id: value };

const variantsOf = ({ leaves }: Operation): object[] =>
  leaves.some(({ path }) => path === 'input.mode')
    ? ['REPLACE', 'ADD', 'REMOVE'].map((mode) => ({ 'input.mode': mode }))
    : [{}];

/** A cursor is good for one list only. */
async function pairOf({ name }: Operation, kind: Kind): Promise<Pair> {
  if (kind !== 'cursor') return stage.things[kind];
  const orders: Record<string, string> = {
    attachments: 'CREATED_AT DESC',
    apiKeys: 'API_KEYS',
    webhookDeliveries: 'DELIVERIES',
    webhookEndpoints: 'WEBHOOK_ENDPOINTS',
    auditLog: 'AUDIT_LOG',
  };
  const order = orders[name];
  if (order === undefined) throw new Error(`Which order do the cursors of ${name} have?`);
  const ids: Record<string, 'apiKey' | 'endpoint'> = { API_KEYS: 'apiKey', WEBHOOK_ENDPOINTS: 'endpoint' };
  const id = ids[order];
  const value = id ? 0 : Date.parse(stage.files.claimed.createdAt);
  const { theirs, never } = stage.things[id ?? 'claimed'];
  return {
    theirs: encodeCursor(order, { value, id: theirs }),
    never: encodeCursor(order, { value, id: never }),
  };
}

/** Everything else that the operation needs is the asker's own, so that it fails for the one reason only. */
async function variablesFor(client: Client, { leaves, variables, name }: Operation, given: object) {
  const extra: Record<string, unknown> = {};
  const own = async () => (await client.upload({ content: 'mine', name: 'mine.txt' })).id;
  for (const { path, type } of leaves) {
    const last = path.split('.').at(-1) ?? '';
    if (Object.hasOwn(given, path) || type === 'Upload') continue;
    if (last === 'attachmentId' || (name === 'attachment' && path === 'id')) extra[path] = await own();
    if (last === 'attachmentIds') extra[path] = [await own()];
    if (path.replace(/type$/, 'id') in given) extra[path] = recordType;
  }
  // Each time another one, which holds nothing yet.
  if (name === 'copyRecordAttachments') extra['input.to.id'] = uuidv7();
  if (name === 'createAttachment') extra['input.fileName'] = 'mine.txt';
  return variables({ ...extra, ...given });
}

/** With the claims of receipts instead of their base64, so that nothing hides in them. */
function withReceiptsRead(text: string): string {
  return text.replace(
    /"receipt":"[\w-]+\.([\w-]+)\.[\w-]+"/g,
    (_, claims: string) => `"receipt":${Buffer.from(claims, 'base64url').toString()}`,
  );
}

/** Without the value asked for, and what differs from one answer to the next. */
function mask(text: string, value: string): string {
  return (
    text
      .replaceAll(value, '<value>')
      .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
      .replace(/\d{4}-\d\d-\d\dT\d\d:[\d:.]+Z/g, '<instant>')
      .replace(/\d{4}-\d\d-\d\d\/\d\d/g, '<hour>')
      .replace(/"iat":\d+/g, '"iat":"<instant>"')
      .replace(/expires=\d+/g, '<expiry>')
      .replace(/signature=[\w-]+/g, '<signature>')
      // Every other id was replaced before.
      .replace(/"id":"[\w-]+"/g, '"id":"<opaque>"')
      .replace(/"(cursor|startCursor|endCursor|secret|prefix)":"[^"]*"/g, '"$1":"<made>"')
  );
}

function expectNoMark(text: string, value: string): void {
  const rest = value === '' ? text : text.replaceAll(value, '');
  expect(stage.marks.filter((mark) => rest.includes(mark) && !value.includes(mark))).toEqual([]);
}

function headersOf(response: Response): object {
  const { date, 'x-request-id': id, ...rest } = Object.fromEntries(response.headers);
  expect([typeof date, typeof id]).toEqual(['string', 'string']);
  return rest;
}

/** All that Alice has, as she sees it, but for when her key was used. */
async function worldOf(alice: Client): Promise<unknown> {
  const lists = operations.filter(({ name }) =>
    ['attachments', 'apiKeys', 'webhookEndpoints'].includes(name),
  );
  const answers: unknown[] = [];
  for (const operation of lists) {
    const { data } = await alice.graphql(operation.document(operation.everything), operation.variables());
    answers.push(data);
    if (operation.name !== 'attachments') continue;
    const trash = operation.variables({ 'filter.deleted': true });
    answers.push((await alice.graphql(operation.document(operation.everything), trash)).data);
  }
  const record = operations.find(({ name }) => name === 'record');
  const named = { type: recordType, id: stage.things.record.theirs };
  answers.push((await alice.graphql(record?.document(record.everything) ?? '', named)).data);
  return JSON.parse(
    JSON.stringify(answers, (key, value: unknown) =>
      ['lastUsedAt', 'downloadUrl', 'archiveUrl', 'receipt', 'failingSince'].includes(key) ? null : value,
    ),
  );
}
