import { AttachmentVersionRow } from '../../../src/database/entities/attachment.js';
import type { Client } from '../../support/client.js';
import { codeOf, type Operation, RaceStage } from './race-stage.js';

let races: RaceStage;
beforeAll(async () => {
  races = await RaceStage.open({ SCANNER: 'eicar', TRASH_DAYS: '1', MAX_VERSIONS: '5' });
});
afterAll(() => races[Symbol.asyncDispose]());

const change = (client: Client, name: string, input: object) => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  return client.graphql<object>(`mutation ($input: ${type}!) { ${name}(input: $input) { __typename } }`, {
    input,
  });
};

const replace =
  (attachmentId: string, text: string, more: object = {}): Operation =>
  (client) => {
    const content = { base64: Buffer.from(text).toString('base64') };
    return change(client, 'replaceContent', { attachmentId, content, ...more });
  };

interface Seen {
  version: number;
  url: string;
  versions: { nodes: { version: number; isCurrent: boolean; status: string }[] };
}

const see = async (id: string): Promise<Seen | null> => {
  const query = `query ($id: ID!) { attachment(id: $id) { version url deletedAt
    versions(first: 50) { nodes { version isCurrent status } } } }`;
  return (await races.client.ask<{ attachment: Seen | null }>(query, { id })).attachment;
};

/** Once all verdicts are there. Attachment and versions are read one after the other. */
const settled = async (id: string): Promise<Seen | null> => {
  for (;;) {
    const seen = await see(id);
    if (!seen?.versions.nodes.some(({ status }) => status === 'PENDING')) return see(id);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

function expectOrder({ version, versions }: Seen): void {
  const numbers = versions.nodes.map((one) => one.version);
  expect(numbers).toEqual(numbers.map((_, index) => version - index));
  expect(versions.nodes.map(({ isCurrent }) => isCurrent)).toEqual(numbers.map((_, index) => index === 0));
}

test('replacements at once are versions in one order, and no more are kept than may be', async () => {
  await races.run('six replacements', 4, async () => {
    const { id } = await races.upload();
    const texts = Array.from({ length: 6 }, (_, index) => `content ${index} of ${id}`);
    const answers = await races.atOnce(texts.map((text) => replace(id, text)));
    const accepted = answers.filter((answer) => codeOf(answer) === 'ok').length;
    expect(answers.map(codeOf)).toEqual(texts.map(() => 'ok'));
    const seen = await settled(id);
    if (!seen) throw new Error('It has gone.');
    expectOrder(seen);
    expect(seen.versions.nodes.length).toBeLessThanOrEqual(5);
    expect(texts).toContain(await (await races.client.download(seen.url)).text());
    return `${accepted} accepted`;
  });
});

test('replacements that expect the same version are counted one by one', async () => {
  await races.run('four that expect version 1', 4, async () => {
    const { id } = await races.upload();
    await settled(id);
    const operations = Array.from({ length: 4 }, (_, index) =>
      replace(id, `${index}`, { expectedVersion: 1 }),
    );
    const codes = (await races.atOnce(operations)).map(codeOf);
    expect(codes.filter((code) => code !== 'ok' && code !== 'VERSION_CONFLICT')).toEqual([]);
    const seen = await settled(id);
    const accepted = codes.filter((code) => code === 'ok').length;
    // While none is approved, each still finds the version that it expects.
    expect(seen?.version).toBe(1 + accepted);
    return `${accepted} accepted`;
  });
});

const others: Record<string, (id: string) => Operation> = {
  delete: (attachmentId) => (client) => change(client, 'deleteAttachment', { attachmentId }),
  'delete for good': (attachmentId) => (client) =>
    change(client, 'deleteAttachment', { attachmentId, permanently: true }),
  copy: (attachmentId) => (client) => change(client, 'copyAttachment', { attachmentId }),
  rescan: (attachmentId) => (client) => change(client, 'rescanAttachment', { attachmentId }),
  claim: (attachmentId) => (client) =>
    change(client, 'claimAttachment', { attachmentId, record: { type: 'Task', id: attachmentId } }),
};

test.each(Object.entries(others))(
  'a replacement beside %s: both say what they have done',
  async (name, other) => {
    const allowed = new Set(['ok', 'NOT_FOUND', 'NOT_APPROVED']);
    const { read } = races.stage.ledger.database;
    await races.run(`a replacement beside ${name}`, 4, async () => {
      const { id } = await races.upload();
      if (races.random.next() < 0.5) await settled(id);
      const answers = await races.atOnce([replace(id, `new content of ${id}`), other(id)]);
      const codes = answers.map(codeOf);
      expect(codes.filter((code) => !allowed.has(code))).toEqual([]);
      const seen = await settled(id);
      if (name === 'delete for good') {
        expect([codes[1], seen]).toEqual(['ok', null]);
        expect(await read.countBy(AttachmentVersionRow, { attachmentId: id })).toBe(0);
      } else {
        expect(seen?.version).toBe(codes[0] === 'ok' ? 2 : 1);
        if (seen) expectOrder(seen);
      }
      return codes.join();
    });
  },
);

test('nothing dangles after all that', async () => {
  for (let waited = 0; (await races.stage.ledger.removals()) > 0 && waited < 100; waited += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const dangling = await races.stage.ledger.dangling();
  // Bytes of dropped contents are removed by the next cleaning.
  expect(dangling.filter((one) => !one.startsWith('file '))).toEqual([]);
});
