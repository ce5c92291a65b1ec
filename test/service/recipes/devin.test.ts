import { v7 as uuidv7 } from 'uuid';
import type { Answer, AttachmentData, Client, FileToUpload } from '../../support/client.js';
import { readPage } from '../../support/doc-page.js';
import { newClient } from '../../support/keys.js';
import type { TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import { csv, pdf } from '../../unit/content-types/real-files.js';
import { bytesOf, codeOf, dataOf, refusalOf, startAsOn } from './recipe.js';

type Uploaded = Answer<{ createAttachment: { attachment: { id: string; fileName: string; url: string } } }>;

interface Listed {
  record: {
    attachments: { nodes: AttachmentData[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
  };
}

const page = readPage('docs/moving/devin.md');

const tryUpload = (
  client: Client,
  file: FileToUpload,
  operation = 'Upload',
  variables: object = {},
): Promise<Uploaded> =>
  client.multipart({ query: page.operation(operation), variables: { file: null, ...variables } }, [file], {
    0: ['variables.file'],
  });
const upload = async (...given: Parameters<typeof tryUpload>) =>
  dataOf(await tryUpload(...given)).createAttachment.attachment;

/** Upload, get a URL, cite it: every step as docs/moving/devin.md has it. */
describe('Devin', () => {
  let service: TestService;
  let client: Client;
  beforeAll(async () => {
    service = await startAsOn(page);
    client = await newClient(service);
  });
  afterAll(() => service.close());

  const list = async (session: string, after: string | null = null, as = client) =>
    (await as.ask<Listed>(page.operation('OfSession'), { session, after })).record.attachments;

  test('attachment_id, name, url', async () => {
    const attachment = await upload(client, { content: csv, name: 'visits.csv' });
    expect(attachment).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      fileName: 'visits.csv',
      url: `${service.url}/attachments/${attachment.id}/visits.csv`,
    });
  });

  describe('organization-scoped upload by a service user, with one named permission', () => {
    test('attachments:write is all that an upload needs, and without it there is none', async () => {
      const uploader = await newClient(service, { permissions: ['attachments:write'] });
      const { url } = await upload(uploader, { content: csv, name: 'a.csv' });
      expect((await uploader.download(url)).status).toBe(403);
      const before = await storedFiles(service.dataDirectory);
      const reader = await newClient(service, { permissions: ['attachments:read'] });
      const refused = await tryUpload(reader, { content: csv, name: 'a.csv' });
      expect([refused.status, codeOf(refused)]).toEqual([403, 'FORBIDDEN']);
      expect(refused.errors?.[0]?.message).toContain('attachments:write');
      expect(await storedFiles(service.dataDirectory)).toEqual(before);
    });

    test('a key of another organization never sees it', async () => {
      const session = uuidv7();
      const { id } = await upload(client, { content: csv, name: 'a.csv' }, 'UploadOutput', { session });
      const foreigner = await newClient(service, { organizationId: uuidv7() });
      const seen = await foreigner.ask<object>(
        `query ($id: ID!, $session: ID!) {
          attachment(id: $id) { id } node(id: $id) { id } attachments { totalCount nodes { id } }
          record(type: "Session", id: $session) {
            attachments { totalCount } fields { name } field { version links { position } } } }`,
        { id, session },
      );
      expect(seen).toEqual({
        attachment: null,
        node: null,
        attachments: { totalCount: 0, nodes: [] },
        record: { attachments: { totalCount: 0 }, fields: [], field: { version: 0, links: [] } },
      });
      expect((await list(session)).nodes).toHaveLength(1);
    });

    test('a key of another organization never links, downloads or guesses it', async () => {
      const session = uuidv7();
      const mine = await client.upload(
        { content: csv, name: 'a.csv' },
        { record: { type: 'Session', id: session } },
      );
      const foreigner = await newClient(service, { organizationId: uuidv7() });
      const own = await upload(foreigner, { content: csv, name: 'a.csv' });
      const never = { id: uuidv7(), documentKey: mine.documentKey.replace(/[^/]+$/, uuidv7()) };
      const attempt = async (query: string, variables: (target: typeof never) => object) => {
        const [real, absent] = await Promise.all(
          [mine, never].map((target) =>
            foreigner.graphql(query, { record: { type: 'Session', id: session }, ...variables(target) }),
          ),
        );
        expect({ query, errors: real?.errors }).toEqual({ query, errors: absent?.errors });
        return real && codeOf(real);
      };
      const id = (target: { id: string }) => ({ id: target.id });
      const codes = [
        await attempt(
          'mutation ($record: RecordInput!, $id: ID!) { linkAttachments(input: { record: $record, attachmentIds: [$id] }) { field { version } } }',
          id,
        ),
        await attempt(
          'mutation ($record: RecordInput!, $id: ID!) { claimAttachment(input: { record: $record, attachmentId: $id }) { alreadyClaimed } }',
          id,
        ),
        await attempt(
          'mutation ($id: ID!) { copyAttachment(input: { attachmentId: $id }) { attachment { id } } }',
          id,
        ),
        await attempt(
          'mutation ($id: ID!) { updateAttachment(input: { attachmentId: $id, fileName: "b.csv" }) { attachment { id } } }',
          id,
        ),
        await attempt(
          'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
          id,
        ),
        await attempt(
          'mutation ($key: String!) { createAttachment(input: { content: { documentKey: $key } }) { attachment { id } } }',
          ({ documentKey }) => ({ key: documentKey }),
        ),
      ];
      expect(codes).toEqual([...Array<string>(5).fill('NOT_FOUND'), 'DOCUMENT_KEY_UNKNOWN']);
      const { attachment } = await foreigner.ask<{ attachment: { downloadUrl: string } }>(
        'query ($id: ID!) { attachment(id: $id) { downloadUrl } }',
        { id: own.id },
      );
      expect((await foreigner.download(mine.url)).status).toBe(404);
      expect((await fetch(attachment.downloadUrl.replace(own.id, mine.id))).status).toBe(403);
      expect((await bytesOf(client, mine.url)).equals(csv)).toBe(true);
      expect((await list(session, null, foreigner)).nodes).toEqual([]);
    });
  });

  test('url is stable, needs a credential, and any name in it leads to the file', async () => {
    const session = uuidv7();
    const { id, url } = await upload(client, { content: csv, name: 'März 1.csv' });
    await client.ask(page.operation('Claim'), { id, session });
    expect((await list(session)).nodes[0]?.url).toBe(url);
    const colleague = await newClient(service);
    expect((await bytesOf(colleague, url)).equals(csv)).toBe(true);
    const anonymous = await fetch(url);
    expect([anonymous.status, (await anonymous.text()).includes('visits')]).toEqual([401, false]);
    for (const name of ['april.csv', '', 'M%C3%A4rz%201.csv.exe', '..%2F']) {
      const response = await client.download(url.replace(/[^/]+$/, name));
      expect([name, response.status]).toEqual([name, 200]);
      expect(Buffer.from(await response.arrayBuffer()).equals(csv)).toBe(true);
    }
  });

  test('download with file storage: the bytes', async () => {
    const { url } = await upload(client, { content: pdf, name: 'report.pdf' });
    const response = await client.download(url);
    expect([response.status, response.redirected]).toEqual([200, false]);
    expect(response.headers.get('content-type')).toBe('application/pdf');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename=report.pdf');
    expect(Buffer.from(await response.arrayBuffer()).equals(pdf)).toBe(true);
  });

  test("list of a session's attachments, in one list with outputs", async () => {
    const session = uuidv7();
    const input = await upload(client, { content: csv, name: 'visits.csv' });
    await client.ask(page.operation('Claim'), { id: input.id, session });
    const output = await upload(client, { content: pdf, name: 'report.pdf' }, 'UploadOutput', { session });
    await upload(client, { content: csv, name: 'other.csv' }, 'UploadOutput', { session: uuidv7() });
    expect((await list(session)).nodes).toEqual([
      {
        ...output,
        contentType: 'application/pdf',
        metadata: { type: 'source', attributes: { source: 'devin' } },
      },
      { ...input, contentType: 'text/csv', metadata: { type: 'source', attributes: { source: 'user' } } },
    ]);
  });

  test('a long list comes in pages, none twice and none left out', async () => {
    const session = uuidv7();
    const made: string[] = [];
    for (let count = 0; count < 60; count += 1) {
      made.push(
        (await upload(client, { content: csv, name: `${count}.csv` }, 'UploadOutput', { session })).id,
      );
    }
    const first = await list(session);
    const second = await list(session, first.pageInfo.endCursor);
    expect([first.nodes.length, second.nodes.length, second.pageInfo.hasNextPage]).toEqual([50, 10, false]);
    expect([...first.nodes, ...second.nodes].map(({ id }) => id)).toEqual(made.reverse());
  });

  test('422 {detail:[{loc, msg, type}]}: every fault of the input in one answer', async () => {
    const before = await storedFiles(service.dataDirectory);
    const answer = await client.tryUpload(
      { content: csv, name: 'a.csv' },
      {
        fileName: 'a\u202Evsc.csv',
        contentType: 'image/png',
        description: 'x'.repeat(10_001),
        metadata: { type: '' },
        record: { type: '', id: '7' },
        field: '',
        policy: 'none such',
        digest: { algorithm: 'MD5', hash: 'f'.repeat(32) },
        idempotencyKey: '',
      },
    );
    const { details = [] } = refusalOf(answer) ?? {};
    expect(details.map(({ loc, type }) => `${loc.join('.')}: ${type}`).sort()).toEqual([
      'input.contentType: declared_type_mismatch',
      'input.description: too_long',
      'input.digest.hash: digest_mismatch',
      'input.field: empty',
      'input.fileName: bidi_override',
      'input.idempotencyKey: out_of_range',
      'input.metadata.type: empty',
      'input.policy: unknown_policy',
      'input.record.type: empty',
    ]);
    for (const { msg } of details) expect(msg).toMatch(/\.$/);
    expect(await storedFiles(service.dataDirectory)).toEqual(before);
  });
});
