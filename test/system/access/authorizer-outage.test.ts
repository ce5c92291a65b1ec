import { type PolicyServer, startPolicyServer } from '../../service/access/policy-server.js';
import { insertOrganization } from '../../service/live/insert-organization.js';
import { onRecord, openLive } from '../../service/live/live-client.js';
import type { Client } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';

/**
 * An authorizer that does not answer is an error that can be retried. It is never told as absence: whoever keeps a copy of a
 * list would delete what is missing.
 */
describe.each([
  ['single questions', 'false'],
  ['batches', 'true'],
])('with %s', (_, batch) => {
  let policy: PolicyServer;
  let service: TestService;
  let reader: Client;
  beforeAll(async () => {
    policy = await startPolicyServer();
    service = await startService({ RECORD_AUTHORIZER_URL: policy.url, RECORD_AUTHORIZER_BATCH: batch });
  });
  beforeEach(async () => {
    policy.decide = () => true;
    policy.misbehave = null;
    reader = await newClient(service);
  });
  afterAll(async () => {
    await service.close();
    await policy.close();
  });

  let records = 0;
  const newRecord = () => {
    records += 1;
    return { type: 'Case', id: `${records}` };
  };
  const unavailable = {
    code: 'AUTHORIZER_UNAVAILABLE',
    details: [],
  };

  const misbehaviours: [string, NonNullable<PolicyServer['misbehave']>][] = [
    ['a fault of its own', (response) => response.writeHead(500).end()],
    ['no JSON', (response) => response.end('yes')],
    ['an answer too short', (response) => response.end('{"result":[]}')],
    ['a closed connection', (response) => response.destroy()],
  ];

  describe.each(misbehaviours)('and %s', (_name, misbehave) => {
    test('nothing is told as absent', async () => {
      const record = newRecord();
      const { id, url } = await service.client.upload(
        { content: 'x', name: 'x.txt' },
        { record, field: 'files' },
      );
      const seen = await service.client.ask<{ attachment: object }>(
        'query ($id: ID!) { attachment(id: $id) { id } }',
        { id },
      );
      expect(seen.attachment).toEqual({ id });
      policy.misbehave = misbehave;
      for (const [query, path] of [
        ['query ($id: ID!) { attachment(id: $id) { id } }', 'attachment'],
        ['query ($id: ID!) { node(id: $id) { id } }', 'node'],
        ['query ($id: ID!) { webhookDeliveries(attachmentId: $id) { nodes { id } } }', 'webhookDeliveries'],
      ] as const) {
        const { errors, status } = await reader.graphql(query, { id });
        expect(errors).toMatchObject([{ path: [path], extensions: unavailable }]);
        expect(status).toBe(200);
      }
      for (const query of [
        '{ attachments { nodes { id } } }',
        `{ record(type: "Case", id: "${record.id}") { fields { name } } }`,
        `{ record(type: "Case", id: "${record.id}") { attachments { nodes { id } } } }`,
        `{ record(type: "Case", id: "${record.id}") { field(name: "files") { links { position } } } }`,
      ]) {
        const { data, errors } = await reader.graphql(query);
        expect([data, errors?.map(({ extensions }) => extensions)]).toEqual([null, [unavailable]]);
      }
      const download = await reader.download(url);
      expect([download.status, download.headers.get('retry-after')]).toEqual([
        503,
        expect.stringMatching(/^\d+$/),
      ]);
      expect(await download.json()).toMatchObject({ errors: [{ extensions: unavailable }] });
      policy.misbehave = null;
      expect((await reader.download(url)).status).toBe(200);
    });

    test('nothing is written', async () => {
      const record = newRecord();
      const { id } = await service.client.upload({ content: 'x', name: 'x.txt' }, { record });
      const free = await reader.upload({ content: 'y', name: 'y.txt' });
      const find =
        `query ($ids: [ID!]!) { a: attachment(id: "${id}") { fileName updatedAt links { nodes { field } } }
        b: record(type: "Case", id: "${record.id}") { fields { name version } attachments { nodes { id } } } }`.replace(
          'query ($ids: [ID!]!)',
          'query',
        );
      const before = await service.client.ask(find);
      const files = await storedFiles(service.dataDirectory);
      policy.misbehave = misbehave;
      for (const [operation, input] of [
        ['createAttachment', { content: { base64: 'eA==' }, fileName: 'x.txt', record }],
        ['claimAttachment', { attachmentId: free.id, record }],
        ['linkAttachments', { attachmentIds: [free.id], record, field: 'files' }],
        ['updateAttachment', { attachmentId: id, fileName: 'z.txt' }],
        ['copyAttachment', { attachmentId: id }],
        ['deleteAttachment', { attachmentId: id }],
        ['deleteRecordAttachments', { record }],
        ['rescanAttachment', { attachmentId: id }],
      ] as const) {
        const type = `${operation[0]?.toUpperCase()}${operation.slice(1)}Input`;
        const { errors } = await reader.graphql(
          `mutation ($input: ${type}!) { ${operation}(input: $input) { __typename } }`,
          { input },
        );
        expect([operation, errors?.map(({ extensions }) => extensions)]).toEqual([operation, [unavailable]]);
      }
      const { errors } = await reader.tryUpload({ content: 'z', name: 'z.txt' }, { record });
      expect(errors?.map(({ extensions }) => extensions)).toEqual([unavailable]);
      policy.misbehave = null;
      expect(await storedFiles(service.dataDirectory)).toEqual(files);
      await service.client.ask('{ viewer { organizationId } }');
      expect(await service.client.ask(find)).toEqual(before);
    });
  });

  test('a created attachment is never answered without its id', async () => {
    const record = newRecord();
    policy.decide = ({ action }) => {
      if (action === 'view') throw new Error('undecided');
      return true;
    };
    const { data, errors } = await reader.graphql(
      `mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) {
        attachment { id links { nodes { field } } } } }`,
      { input: { content: { base64: 'eA==' }, fileName: 'x.txt', record, field: 'files' } },
    );
    expect([data, errors?.map(({ extensions }) => extensions)]).toEqual([
      { createAttachment: null },
      [unavailable],
    ]);
    policy.decide = () => true;
    expect(
      await service.client.ask(
        `{ record(type: "Case", id: "${record.id}") { attachments { nodes { id } } fields { name } } }`,
      ),
    ).toEqual({ record: { attachments: { nodes: [] }, fields: [] } });
  });

  test('a list with one item that cannot be decided fails as a whole', async () => {
    const [open, dark] = [newRecord(), newRecord()];
    for (const record of [open, dark, open])
      await service.client.upload({ content: 'x', name: 'x.txt' }, { record });
    policy.decide = (asked) => {
      if (asked.record.id === dark.id) throw new Error('undecided');
      return true;
    };
    const query = `{ a: attachments { nodes { id } } viewer { organizationId } }`;
    const { data, errors } = await reader.graphql(query);
    expect([data, errors?.map(({ extensions }) => extensions)]).toEqual([null, [unavailable]]);
  });

  test('the log tells it once, and not each request', async () => {
    const lines = () =>
      service.logLines.filter((line) => line.includes('authorizer') && !line.includes('incoming')).length;
    policy.misbehave = (response) => response.writeHead(500).end();
    const { id } = await reader.upload({ content: 'x', name: 'x.txt' });
    await reader.graphql('{ attachments { nodes { id } } }');
    const before = lines();
    expect(before).toBeGreaterThan(0);
    for (let index = 0; index < 20; index += 1) await reader.graphql('{ attachments { nodes { id } } }');
    expect(lines()).toBe(before);
    expect(
      (
        await reader.ask<{ attachment: { id: string } }>('query ($id: ID!) { attachment(id: $id) { id } }', {
          id,
        })
      ).attachment,
    ).toEqual({ id });
  });

  test('a change that cannot be decided is told by a subscription once it can, as it is by then', async () => {
    const record = newRecord();
    const { viewer } = await reader.ask<{ viewer: { principal: { id: string } } }>(
      '{ viewer { principal { id } } }',
    );
    const live = await openLive(service.url, reader.key ?? '');
    const told = live.subscribe(onRecord(record, 'id fileName'));
    await live.settled();
    let undecided = 0;
    policy.decide = ({ principal }) => {
      if (principal.id !== viewer.principal.id) return true;
      undecided += 1;
      throw new Error('undecided');
    };
    const { id } = await service.client.upload({ content: 'x', name: 'x.txt' }, { record, field: 'files' });
    await told.settle(() => undecided > 0);
    await service.client.ask(
      'mutation ($id: ID!) { updateAttachment(input: { attachmentId: $id, fileName: "y.txt" }) { attachment { id } } }',
      { id },
    );
    expect([told.events, told.errors, told.isComplete]).toEqual([[], [], false]);
    policy.decide = () => true;
    expect(await told.until(() => true, 20_000)).toEqual({ id, fileName: 'y.txt' });
    expect(told.errors).toEqual([]);
    told.end();
    live.close();
  });

  test('a flood of one organization leaves no other without its answers, and its own lists whole', async () => {
    const other = await newClient(service, {
      organizationId: await insertOrganization(service.dataDirectory),
    });
    const own = await other.upload({ content: 'own', name: 'own.txt' }, { record: { type: 'Own', id: '1' } });
    const flooder = await newClient(service, {
      organizationId: await insertOrganization(service.dataDirectory),
    });
    const many = 120;
    await Promise.all(
      Array.from({ length: many }, (_many, index) =>
        flooder.upload({ content: 'x', name: 'x.txt' }, { record: { type: 'Many', id: `${index}` } }),
      ),
    );
    const clients: Client[] = [];
    for (let index = 0; index < 6; index += 1) clients.push(await newClientOf(flooder));
    const seers: Client[] = [];
    for (let index = 0; index < 10; index += 1) seers.push(await newClientOf(other));
    policy.decide = () => new Promise((resolve) => setTimeout(() => resolve(true), 20));
    let running = 6;
    const lists = clients.map(async (client) => {
      const answer = await client.ask<{ attachments: { nodes: object[] } }>(
        '{ attachments(first: 1000) { nodes { id } } }',
      );
      running -= 1;
      return answer.attachments.nodes.length;
    });
    let answeredMeanwhile = 0;
    for (const seer of seers) {
      const seen = await seer.ask<{ attachment: { id: string } | null }>(
        'query ($id: ID!) { attachment(id: $id) { id } }',
        { id: own.id },
      );
      expect(seen.attachment).toEqual({ id: own.id });
      if (running > 0) answeredMeanwhile += 1;
    }
    expect(await Promise.all(lists)).toEqual(Array.from({ length: 6 }, () => many));
    report(`${answeredMeanwhile} of 10 answers to another organization while six lists were made`);
  });

  test('large answers that wait for the authorizer keep nobody from theirs', async () => {
    const inNewOrganization = async () =>
      newClient(service, { organizationId: await insertOrganization(service.dataDirectory) });
    const other = await inNewOrganization();
    await other.upload({ content: 'own', name: 'own.txt' });
    const owner = await inNewOrganization();
    await owner.upload({ content: 'x', name: 'x.txt' }, { record: newRecord() });
    const page = '{ attachments(first: 500) { nodes { id fileName size links { nodes { field } } } } }';
    // More than are made at once. The authorizer answers none before all have asked, which it has two seconds for.
    const waiting = 6;
    let faults = waiting;
    for (let attempt = 0; faults > 0 && attempt < 5; attempt += 1) {
      const readers: Client[] = [];
      while (readers.length < waiting) readers.push(await newClientOf(owner));
      const askedFor = new Set<string>();
      let answer: (isAllowed: boolean) => void = () => undefined;
      const answered = new Promise<boolean>((resolve) => {
        answer = resolve;
      });
      policy.decide = ({ principal }) => {
        askedFor.add(principal.id);
        return answered;
      };
      const stuck = readers.map((client) => client.graphql(page));
      await until(() => askedFor.size === waiting);
      await other.ask(page);
      answer(true);
      faults = (await Promise.all(stuck)).filter(({ errors }) => errors).length;
    }
    expect(faults).toBe(0);
  });

  /** Another principal of the same organization, whose answers are remembered apart. */
  async function newClientOf(client: Client): Promise<Client> {
    const { viewer } = await client.ask<{ viewer: { organizationId: string } }>(
      '{ viewer { organizationId } }',
    );
    return newClient(service, { organizationId: viewer.organizationId });
  }

  test('a different question is asked once in a request, however many ask it', async () => {
    const record = newRecord();
    const { id } = await service.client.upload({ content: 'x', name: 'x.txt' }, { record, field: 'files' });
    const before = policy.asked.length;
    const aliases = Array.from(
      { length: 15 },
      (_alias, index) =>
        `a${index}: attachment(id: "${id}") { record { id: recordId } downloadUrl links { nodes { field } } }`,
    );
    await reader.ask(`{ ${aliases.join(' ')} }`);
    const asked = policy.asked.slice(before).map(({ field }) => field);
    expect(asked.toSorted()).toEqual(['files', null]);
  });
});
