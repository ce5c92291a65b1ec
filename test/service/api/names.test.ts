import { fillNames, keepNames } from '../../../src/database/stored-names.js';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { openTestDatabase } from '../../support/test-database.js';
import { insertOrganization } from '../live/insert-organization.js';

const query = `query ($filter: AttachmentFilter, $orderBy: AttachmentOrder, $first: Int, $after: String) {
  attachments(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    totalCount nodes { id fileName } pageInfo { endCursor } } }`;

interface Listed {
  attachments: {
    totalCount: number;
    nodes: { id: string; fileName: string }[];
    pageInfo: { endCursor: string | null };
  };
}

const names = [
  'file10.txt',
  'File9.txt',
  'Zebra.txt',
  'Äpfel.txt',
  'apfel 2.txt',
  'a"b OR c*.txt',
  '100%_sure.txt',
  '漢字の名前.txt',
];

describe('file names', () => {
  let service: TestService;
  let other: Client;
  beforeAll(async () => {
    service = await startService();
    for (const fileName of names)
      await service.client.upload({ content: fileName, name: 'x.txt' }, { fileName });
    other = await newClient(service, { organizationId: await insertOrganization(service.dataDirectory) });
    await other.upload({ content: 'x', name: 'Äpfel of others.txt' });
  });
  afterAll(() => service.close());

  const list = async (variables: object, client = service.client) =>
    (await client.ask<Listed>(query, variables)).attachments;
  const found = async (text: string) => {
    const { nodes, totalCount } = await list({ filter: { fileNameContains: text } });
    expect(totalCount).toBe(nodes.length);
    return nodes.map(({ fileName }) => fileName).toSorted();
  };
  /** Enters the names that wait, as the service does every few seconds. */
  const keep = async () => {
    const database = await openTestDatabase(service.dataDirectory);
    await keepNames(database, new AbortController().signal);
    await database.close();
  };

  const expected: [string, string[]][] = [
    ['äpf', ['Äpfel.txt']],
    ['A\u0308PFEL', ['Äpfel.txt']],
    ['apf', ['apfel 2.txt']],
    ['FILE', ['File9.txt', 'file10.txt']],
    ['9.', ['File9.txt']],
    ['"b or c*', ['a"b OR c*.txt']],
    ['%_s', ['100%_sure.txt']],
    ['0_s', []],
    ['名前.', ['漢字の名前.txt']],
    ['名', ['漢字の名前.txt']],
    ['zebra.txt and more', []],
    ['', [...names].sort()],
  ];

  test.each(expected)('%j is found at once and once it is indexed', async (text, expectedNames) => {
    expect(await found(text)).toEqual(expectedNames);
    await keep();
    expect(await found(text)).toEqual(expectedNames);
  });

  test('a name of another organization is not found', async () => {
    const { nodes } = await list({ filter: { fileNameContains: 'äpfel' } }, other);
    expect(nodes.map(({ fileName }) => fileName)).toEqual(['Äpfel of others.txt']);
  });

  test('the order is natural and without case, page by page', async () => {
    const walked: string[] = [];
    for (let after: string | null = null; walked.length < names.length; ) {
      const page: Listed['attachments'] = await list({
        orderBy: { field: 'FILE_NAME', direction: 'ASC' },
        first: 3,
        after,
      });
      walked.push(...page.nodes.map(({ fileName }) => fileName));
      after = page.pageInfo.endCursor;
    }
    expect(walked).toEqual([
      '100%_sure.txt',
      'a"b OR c*.txt',
      'apfel 2.txt',
      'Äpfel.txt',
      'File9.txt',
      'file10.txt',
      'Zebra.txt',
      '漢字の名前.txt',
    ]);
  });

  test('a cursor of the order by plain names is refused', async () => {
    const after = Buffer.from('["FILE_NAME ASC","a.txt","x"]').toString('base64url');
    const variables = { after, orderBy: { field: 'FILE_NAME', direction: 'ASC' } };
    const { errors } = await service.client.graphql(query, variables);
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      details: [{ loc: ['after'], type: 'invalid_cursor' }],
    });
  });

  test.each([false, true])(
    'a new name replaces the old one, a deleted one is gone; indexed before: %s',
    async (isIndexed) => {
      const { id } = await service.client.upload({ content: 'y', name: 'Birne.txt' });
      if (isIndexed) await keep();
      const update = `mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { attachment { id } } }`;
      await service.client.ask(update, { input: { attachmentId: id, fileName: 'Quitte.txt' } });
      expect([await found('birne'), await found('quitte')]).toEqual([[], ['Quitte.txt']]);
      await keep();
      expect([await found('birne'), await found('quitte')]).toEqual([[], ['Quitte.txt']]);
      const copy = `mutation ($input: CopyAttachmentInput!) { copyAttachment(input: $input) { attachment { id } } }`;
      await service.client.ask(copy, { input: { attachmentId: id, fileName: 'Kopie.txt' } });
      expect(await found('KOPIE')).toEqual(['Kopie.txt']);
      const remove = `mutation ($input: DeleteAttachmentInput!) { deleteAttachment(input: $input) { deletedAttachmentId } }`;
      for (const name of ['quitte', 'kopie']) {
        const [node] = (await list({ filter: { fileNameContains: name } })).nodes;
        await service.client.ask(remove, { input: { attachmentId: node?.id } });
      }
      expect([await found('quitte'), await found('kopie')]).toEqual([[], []]);
      await keep();
      expect([await found('quitte'), await found('kopie')]).toEqual([[], []]);
    },
  );

  test('names that an earlier version has stored are found once they are filled in', async () => {
    const { id } = await service.client.upload({ content: 'z', name: 'Pflaume 7.txt' });
    const database = await openTestDatabase(service.dataDirectory);
    await database.write((manager) =>
      manager.query(`UPDATE attachments SET search_name = '', sort_name = '' WHERE id = '${id}'`),
    );
    expect(await found('pflaume')).toEqual([]);
    await database.write(fillNames);
    await database.close();
    expect(await found('pflaume')).toEqual(['Pflaume 7.txt']);
    await keep();
    expect(await found('pflaume')).toEqual(['Pflaume 7.txt']);
  });
});
