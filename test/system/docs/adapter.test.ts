import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { AttachmentData } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';
import { repositoryRoot } from '../../support/source-files.js';

const content = 'Good morning.\n';
const base64 = Buffer.from(content).toString('base64');
const md5 = 'f45588708d3cfbab43c4ac5c72aedc5f';

describe('examples/adapter.mjs answers as', () => {
  let service: TestService;
  let child: ChildProcess;
  let url: string;
  beforeAll(async () => {
    service = await startService();
    child = spawn(process.execPath, ['examples/adapter.mjs'], {
      cwd: repositoryRoot,
      env: { PATH: process.env['PATH'], PORT: '0', CLAIMCHECK_URL: service.url, CLAIMCHECK_KEY: service.key },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (!child.stdout) throw new Error('It has no output.');
    [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  });
  afterAll(async () => {
    child.kill();
    await once(child, 'exit');
    await service.close();
  });

  const post = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const contentOf = async (id: unknown) => {
    const query = 'query ($id: ID!) { attachment(id: $id) { url } }';
    const { attachment } = await service.client.ask<{ attachment: AttachmentData }>(query, { id });
    return (await service.client.download(attachment.url)).text();
  };

  test('Cronofy does', async () => {
    const file = { file_name: 'agenda.txt', content_type: 'text/plain', base64_content: base64 };
    const { status, body } = await post('/cronofy/v1/attachments', { attachment: file });
    const { attachment } = body as { attachment: Record<string, string> };
    expect([status, Object.keys(attachment)]).toEqual([
      200,
      ['attachment_id', 'file_name', 'content_type', 'md5'],
    ]);
    expect(attachment).toMatchObject({ file_name: 'agenda.txt', content_type: 'text/plain', md5 });
    expect(await contentOf(attachment['attachment_id'])).toBe(content);
  });

  test('Devin does', async () => {
    const form = new FormData();
    form.set('file', new File([content], 'visits.csv', { type: 'text/csv' }));
    const answer = await fetch(`${url}/devin/v3/organizations/org-1/attachments`, {
      method: 'POST',
      body: form,
    });
    const body = (await answer.json()) as { attachment_id: string; name: string; url: string };
    expect(Object.keys(body)).toEqual(['attachment_id', 'name', 'url']);
    expect(body.name).toBe('visits.csv');
    expect(await (await service.client.download(body.url)).text()).toBe(content);
  });

  test('EspoCRM does', async () => {
    const file = `data:text/plain;base64,${base64}`;
    const given = {
      name: 'test.txt',
      type: 'text/plain',
      role: 'Attachment',
      relatedType: 'Document',
      field: 'file',
    };
    const { body } = await post('/espocrm/api/v1/Attachment', { ...given, file });
    expect(body).toMatchObject({ name: 'test.txt', type: 'text/plain', size: 14, role: 'Attachment' });
    expect(await contentOf(body['id'])).toBe(content);
  });

  test('Light does: ask for a URL, put, register', async () => {
    const file = { fileName: 'receipt.txt', contentType: 'text/plain', size: content.length };
    const { body: target } = await post('/light/v1/attachments/upload-url', file);
    const headers = { 'content-type': 'text/plain' };
    const sent = await fetch(String(target['uploadUrl']), { method: 'PUT', headers, body: content });
    expect(sent.status).toBe(201);
    const { documentKey } = target;
    const metadata = { type: 'AR', attributes: { invoice: 7 } };
    const { body } = await post('/light/v1/attachments', { resourceId: '7', documentKey, metadata });
    expect(body).toMatchObject({ resourceId: '7', documentKey, fileName: 'receipt.txt', metadata });
    expect(Object.keys(body)).toEqual(
      expect.arrayContaining(['companyId', 'createdBy', 'createdAt', 'updatedAt']),
    );
    expect(await contentOf(body['id'])).toBe(content);
  });

  test('none of them, with every fault in the answer, if the file is refused', async () => {
    const file = { file_name: 'con.txt', content_type: 'image/png', base64_content: base64 };
    const { status, body } = await post('/cronofy/v1/attachments', { attachment: file });
    const types = (body['detail'] as { type: string }[]).map(({ type }) => type);
    expect([status, types]).toEqual([422, expect.arrayContaining(['reserved_name'])]);
    expect((await post('/others', {})).status).toBe(404);
  });
});
