import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { startPolicyServer } from '../access/policy-server.js';
import { type LiveClient, onAttachment, onRecord, openLive, type Told } from './live-client.js';

const record = { type: 'Task', id: 'shared' };
const counter = new StatementCounter();
let service: TestService;
beforeAll(async () => {
  service = await startService({}, { statementLogger: counter });
});
afterAll(() => service.close());

/** Clients of a principal each, in the first organization, on a connection each. */
async function openColleagues(service: TestService, count: number): Promise<[Client, LiveClient][]> {
  const opened: [Client, LiveClient][] = [];
  for (let index = 0; index < count; index += 1) {
    const client = await newClient(service);
    opened.push([client, await openLive(service.url, client.key)]);
  }
  return opened;
}

const rename = ({ client }: TestService, attachmentId: string, fileName: string) =>
  client.ask('mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }', {
    input: { attachmentId, fileName },
  });

/** Renames until each subscriber has heard of it: nothing else tells that all subscriptions have begun. */
async function hearAll(service: TestService, attachmentId: string, told: readonly Told[]): Promise<void> {
  for (let time = 0; told.some(({ events }) => events.length === 0); time += 1) {
    if (time > 50) throw new Error('Not all subscriptions have begun.');
    await rename(service, attachmentId, `${time}.txt`);
    await Promise.all(told.map((each) => each.until(() => true, 500).catch(() => undefined)));
  }
}

const isNamed = (name: string) => (event: object) => JSON.stringify(event).includes(name);

const close = (colleagues: readonly [Client, LiveClient][]) => {
  for (const [, live] of colleagues) live.close();
};

test('subscribers who ask for the same by different credentials share what all of the organization may see', async () => {
  const { id } = await service.client.upload({ content: 'x', name: 'x.txt' }, { record });
  const colleagues = await openColleagues(service, 30);
  const told = colleagues.map(([, live]) =>
    live.subscribe(onAttachment(id, 'id fileName createdBy { id } links { totalCount }')),
  );
  await hearAll(service, id, told);
  const renameFor = async (name: string) => {
    await rename(service, id, name);
    await Promise.all(told.map((each) => each.until(isNamed(name))));
  };
  // Whoever has heard of it is told nothing more of the changes before.
  await renameFor('last before.txt');
  const statements = await counter.during(() => renameFor('renamed.txt'));
  // Credentials are checked one by one.
  const shared = statements.filter((statement) => !/"api_keys"|"principals"/.test(statement));
  expect(shared.length).toBeLessThan(colleagues.length);
  close(colleagues);
});

test('an answer that depends on who asks is made for each', async () => {
  const { id } = await service.client.upload({ content: 'x', name: 'x.txt' }, { record });
  const colleagues = await openColleagues(service, 5);
  const told = colleagues.map(([, live]) => live.subscribe(onAttachment(id, 'id fileName downloadUrl')));
  await hearAll(service, id, told);
  for (const name of ['first.txt', 'second.txt']) {
    await rename(service, id, name);
    const events = await Promise.all(told.map((each) => each.until(isNamed(name))));
    const urls = events.map((event) => (event as unknown as { downloadUrl: string }).downloadUrl);
    expect(urls.every((url) => url.startsWith('http'))).toBe(true);
    expect(new Set(urls).size).toBe(colleagues.length);
  }
  close(colleagues);
});

test('an unclaimed attachment is told to its creator alone', async () => {
  const { id } = await service.client.upload({ content: 'x', name: 'x.txt' });
  const own = await openLive(service.url, service.key);
  const colleagues = await openColleagues(service, 2);
  const mine = own.subscribe(onAttachment(id, 'id fileName'));
  const theirs = colleagues.map(([, live]) => live.subscribe(onAttachment(id, 'id fileName')));
  await hearAll(service, id, [mine]);
  expect(
    (await Promise.all(theirs.map((each) => each.refused()))).map((refusal) => refusal?.['code']),
  ).toEqual(['NOT_FOUND', 'NOT_FOUND']);
  expect(theirs.flatMap(({ events }) => events)).toEqual([]);
  own.close();
  close(colleagues);
});

test('nothing is shared between credentials while an authorizer decides', async () => {
  await using policy = await startPolicyServer();
  let blindId = '';
  policy.decide = ({ principal, field }) => field !== 'more' || principal.id !== blindId;
  await using guarded = await startService({ RECORD_AUTHORIZER_URL: policy.url });
  const [[, seeing], [blindClient, blind]] = (await openColleagues(guarded, 2)) as [
    [Client, LiveClient],
    [Client, LiveClient],
  ];
  type Data = { viewer: { principal: { id: string } } };
  blindId = (await blindClient.ask<Data>('{ viewer { principal { id } } }')).viewer.principal.id;
  const { id } = await guarded.client.upload({ content: 'x', name: 'x.txt' }, { record, field: 'files' });
  const more = { attachmentIds: [id], record, field: 'more' };
  await guarded.client.ask(
    'mutation ($input: LinkAttachmentsInput!) { linkAttachments(input: $input) { __typename } }',
    { input: more },
  );
  const fields = 'id fileName links { nodes { field } }';
  const hidden = await guarded.client.upload({ content: 'y', name: 'y.txt' }, { record, field: 'more' });
  const told = [seeing, blind].map((live) => live.subscribe(onRecord(record, fields)));
  await hearAll(guarded, id, told);
  await rename(guarded, hidden.id, 'hidden.txt');
  await told[0]?.until(isNamed('hidden.txt'));
  await rename(guarded, id, 'renamed.txt');
  const events = await Promise.all(told.map((each) => each.until(isNamed('renamed.txt'))));
  expect(told[1]?.events.filter(isNamed('hidden.txt'))).toEqual([]);
  const seen = events.map(({ links }) => links.nodes.map(({ field }) => field).toSorted());
  expect(seen).toEqual([['files', 'more'], ['files']]);
  seeing.close();
  blind.close();
});
