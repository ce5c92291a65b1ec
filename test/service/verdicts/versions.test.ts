import { setTimeout as sleep } from 'node:timers/promises';
import { AuditEventRow } from '../../../src/database/entities/organization.js';
import type { Answer, Client } from '../../support/client.js';
import { claim, faultsOf, idsIn, link } from '../doors/links.js';
import { Stage } from '../doors/stage.js';
import { onAttachment, openLive } from '../live/live-client.js';
import { eicar, GatedScanner } from './gated-scanner.js';

const policies = {
  policies: {
    tiny: { maxFileSize: 20 },
    shared: { sharing: 'SHARED' },
    art: { acceptedTypes: { 'application/pdf': ['.pdf', '.ai'], 'application/postscript': ['.ps', '.ai'] } },
  },
  recordTypes: {
    Tiny: { policy: 'tiny' },
    Event: { policy: 'shared' },
    Art: { policy: 'art' },
    '*': { policy: 'default' },
  },
};

interface Seen {
  status: string;
  version: number;
  size: number;
  url: string;
  versions: { nodes: { version: number; isCurrent: boolean; status: string; downloadUrl: string | null }[] };
}

const scanner = new GatedScanner();
let stage: Stage;
let owner: Client;
beforeAll(async () => {
  stage = await Stage.open(policies, { SCANNER: 'eicar', MAX_VERSIONS: '5' }, () => ({ scanner }));
  owner = stage.owner;
});
afterEach(() => scanner.open());
afterAll(() => stage[Symbol.asyncDispose]());

const fields =
  'status version size url versions(first: 20) { nodes { version isCurrent status downloadUrl } }';
const see = async (id: string): Promise<Seen> => {
  const query = `query ($id: ID!) { attachment(id: $id) { ${fields} } }`;
  return (await owner.ask<{ attachment: Seen }>(query, { id })).attachment;
};
const until = async (id: string, isSo: (seen: Seen) => boolean): Promise<Seen> => {
  for (let waited = 0; waited < 10_000; waited += 20) {
    const seen = await see(id);
    if (isSo(seen)) return seen;
    await sleep(20);
  }
  throw new Error('It did not come to that.');
};
const states = ({ versions }: Seen) =>
  versions.nodes.map(
    ({ version, isCurrent, status }) => `${version} ${status}${isCurrent ? ' current' : ''}`,
  );

const change = (name: string, input: object): Promise<Answer<object>> => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  return owner.graphql(`mutation ($input: ${type}!) { ${name}(input: $input) { __typename } }`, { input });
};
const replace = async (attachmentId: string, content: string): Promise<void> => {
  const base64 = Buffer.from(content).toString('base64');
  expect(faultsOf(await change('replaceContent', { attachmentId, content: { base64 } }))).toBeUndefined();
};
const approved = async (input: object = {}): Promise<string> => {
  const { id } = await owner.upload({ content: 'first', name: 'a.txt' }, input);
  await until(id, ({ status }) => status === 'APPROVED');
  return id;
};
const bodyOf = async (url: string) => (await owner.download(url)).text();

test('the content before is served until the new one is approved, and watchers are told', async () => {
  const record = { type: 'Task', id: 'watched' };
  const id = await approved({ record, field: 'files' });
  const live = await openLive(owner.url, owner.key ?? '');
  const told = live.subscribe(onAttachment(id, 'version'));
  await live.settled();
  scanner.shut();
  await replace(id, 'second');
  const waiting = await see(id);
  expect([waiting.status, waiting.version, states(waiting)]).toEqual([
    'APPROVED',
    1,
    ['2 PENDING', '1 APPROVED current'],
  ]);
  expect(waiting.versions.nodes[0]?.downloadUrl).toBeNull();
  expect(await bodyOf(waiting.url)).toBe('first');
  scanner.open();
  const after = await until(id, ({ version }) => version === 2);
  expect([states(after), await bodyOf(after.url)]).toEqual([['2 APPROVED current', '1 APPROVED'], 'second']);
  await told.until((event) => Reflect.get(event, 'version') === 2);
  live.close();
  expect(await idsIn(owner, record, 'files')).toEqual([id]);
});

test('rejected content changes nothing, is told, and can be released', async () => {
  const record = { type: 'Task', id: 'kept' };
  const id = await approved({ record, field: 'files' });
  await replace(id, eicar);
  const rejected = await until(id, (seen) => states(seen)[0] === '2 REJECTED');
  expect(await idsIn(owner, record, 'files')).toEqual([id]);
  const events = await stage.ledger.database.read.find(AuditEventRow, {
    where: { subjectId: id },
    order: { id: 'ASC' },
  });
  expect(events.at(-1)).toMatchObject({ action: 'ATTACHMENT_REJECTED', details: { version: 2 } });
  // A download is an event too.
  expect([rejected.status, rejected.version, await bodyOf(rejected.url)]).toEqual(['APPROVED', 1, 'first']);
  await replace(id, 'clean');
  const clean = await until(id, ({ version }) => version === 2);
  expect(states(clean)).toEqual(['2 APPROVED current', '2 REJECTED', '1 APPROVED']);
  await change('releaseAttachment', { attachmentId: id, reason: 'A false alarm.' });
  const released = await see(id);
  expect([states(released), await bodyOf(released.url)]).toEqual([
    ['3 APPROVED current', '2 APPROVED', '1 APPROVED'],
    'clean',
  ]);
});

test('whichever of several is approved first, the newest is current in the end, and none is lost', async () => {
  const id = await approved();
  scanner.shut();
  for (const content of ['second', 'third', 'fourth']) await replace(id, content);
  expect(states(await see(id))).toEqual(['2 PENDING', '2 PENDING', '2 PENDING', '1 APPROVED current']);
  scanner.open();
  const after = await until(id, ({ version }) => version === 4);
  expect(states(after)).toEqual(['4 APPROVED current', '3 APPROVED', '2 APPROVED', '1 APPROVED']);
  expect(await bodyOf(after.url)).toBe('fourth');
});

test('content that waits is held against the policy of each new place', async () => {
  const [claimed, linked, shared] = [await approved(), await approved(), await approved()];
  scanner.shut();
  for (const id of [claimed, linked]) await replace(id, 'longer than twenty bytes');
  await replace(shared, 'short');
  const record = { type: 'Tiny', id: 'tiny' };
  const answers = [
    await claim(owner, claimed, record),
    await link(owner, { record, attachmentIds: [linked] }),
    await link(owner, { record, attachmentIds: [shared] }),
  ];
  expect(answers.map((answer) => faultsOf(answer)?.code)).toEqual([
    'FILE_TOO_LARGE',
    'FILE_TOO_LARGE',
    undefined,
  ]);
  const base64 = Buffer.from('longer than twenty bytes').toString('base64');
  const tooLarge = await change('replaceContent', { attachmentId: shared, content: { base64 } });
  expect(faultsOf(tooLarge)?.code).toBe('FILE_TOO_LARGE');
});

test('a new name stays when content that came before it is approved, unless that has brought a name', async () => {
  const [kept, given] = [await approved(), await approved()];
  scanner.shut();
  await replace(kept, 'second');
  const content = { base64: Buffer.from('second').toString('base64') };
  await change('replaceContent', { attachmentId: given, content, fileName: 'given.txt' });
  for (const attachmentId of [kept, given])
    expect(faultsOf(await change('updateAttachment', { attachmentId, fileName: 'new.txt' }))).toBeUndefined();
  scanner.open();
  const names = [kept, given].map(async (id) => {
    const { url } = await until(id, ({ version }) => version === 2);
    return new URL(url).pathname.split('/').at(-1);
  });
  expect(await Promise.all(names)).toEqual(['new.txt', 'given.txt']);
});

test('a new name must suit content that waits and will have it', async () => {
  const { id } = await owner.upload(
    { content: '%PDF-1.7\n', name: 'a.ai' },
    { record: { type: 'Art', id: 'a' } },
  );
  await until(id, ({ status }) => status === 'APPROVED');
  scanner.shut();
  await replace(id, '%!PS-Adobe-3.0\n');
  const rename = async (fileName: string) =>
    faultsOf(await change('updateAttachment', { attachmentId: id, fileName }))?.code;
  expect([await rename('b.pdf'), await rename('b.ai')]).toEqual(['CONTENT_TYPE_NOT_ALLOWED', undefined]);
});

test('content that was rejected keeps no new name away, and its release does not bring the former one back', async () => {
  const { id } = await owner.upload(
    { content: '%PDF-1.7\n', name: 'a.ai' },
    { record: { type: 'Art', id: 'b' } },
  );
  await until(id, ({ status }) => status === 'APPROVED');
  await replace(id, `%!PS-Adobe-3.0\n${eicar}`);
  await until(id, (seen) => states(seen)[0] === '2 REJECTED');
  expect(faultsOf(await change('updateAttachment', { attachmentId: id, fileName: 'b.pdf' }))).toBeUndefined();
  await replace(id, `%PDF-1.7\n${eicar}`);
  await until(id, (seen) => states(seen)[0] === '2 REJECTED' && seen.versions.nodes.length === 3);
  expect(faultsOf(await change('updateAttachment', { attachmentId: id, fileName: 'c.pdf' }))).toBeUndefined();
  await change('releaseAttachment', { attachmentId: id, reason: 'A false alarm.' });
  const { url } = await until(id, ({ version }) => version === 2);
  expect(new URL(url).pathname.split('/').at(-1)).toBe('c.pdf');
});

test('in the trash a content is judged too', async () => {
  await using kept = await Stage.open(policies, { SCANNER: 'eicar', TRASH_DAYS: '1' }, () => ({ scanner }));
  const client = kept.owner;
  const ask = (query: string, variables: object) => client.ask<Record<string, never>>(query, variables);
  const { id } = await client.upload({ content: 'first', name: 'a.txt' });
  const query = `query ($id: ID!) { attachment(id: $id) { ${fields} } }`;
  const seen = async () => (await client.ask<{ attachment: Seen }>(query, { id })).attachment;
  while ((await seen()).status !== 'APPROVED') await sleep(20);
  scanner.shut();
  const content = { base64: Buffer.from('second').toString('base64') };
  await ask('mutation ($input: ReplaceContentInput!) { replaceContent(input: $input) { __typename } }', {
    input: { attachmentId: id, content },
  });
  await ask('mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { __typename } }', { id });
  scanner.open();
  while ((await seen()).version !== 2) await sleep(20);
  await ask('mutation ($id: ID!) { restoreAttachment(input: { attachmentId: $id }) { __typename } }', { id });
  expect(await (await client.download((await seen()).url)).text()).toBe('second');
});
