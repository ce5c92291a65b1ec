import { AttachmentError } from '../../../src/errors.js';
import { createMemoryStorage } from '../../../src/storage/memory.js';
import { Client } from '../../support/client.js';
import {
  chunked,
  formBody,
  formHeaders,
  graphqlForm,
  RawConnection,
  requestHead,
} from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { allStored, randomKey, startService, type TestService } from '../../support/service.js';
import { holdsPieceOf, textOf } from './secrets-in-text.js';

/** The content of every file: no part of it may be logged, in whatever form. */
const content = 'Strictly confidential: the merger is off.';

interface Line {
  level: number;
  reqId?: string;
  msg: string;
  status?: number;
}

describe('the log', () => {
  const storage = createMemoryStorage();
  const { create, read } = { create: storage.create.bind(storage), read: storage.read.bind(storage) };
  const badKey = randomKey();
  let service: TestService;
  let answers: { status: number; requestId: string }[];
  let secrets: Map<string, string>;

  beforeAll(async () => {
    service = await startService(
      { LOG_LEVEL: 'trace', MAX_FILE_SIZE: '1000000', OPERATIONS_TIMEOUT_SECONDS: '1' },
      { storage },
    );
    answers = [];
    secrets = new Map([
      ['key', service.key],
      ['bad key', badKey],
      ['content', content],
    ]);
    await work();
  });
  afterAll(() => service.close());

  const lines = () => service.logLines.map((line) => JSON.parse(line) as Line);

  test('is one JSON object a line, each with the id of its request', () => {
    for (const line of service.logLines) expect(line).toMatch(/^\{.*\}\n$/);
    const others = lines().filter(
      ({ reqId }) => !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(reqId ?? ''),
    );
    expect(others.filter(({ msg }) => !msg.startsWith('Server listening'))).toEqual([]);
  });

  test('has one line for every answer, under the X-Request-Id that the client was told', () => {
    const ids = answers.map(({ requestId }) => requestId);
    expect(new Set(ids).size).toBe(ids.length);
    const logged = lines().filter(({ status }) => status !== undefined);
    const byId = new Map(logged.map(({ reqId, status }) => [reqId, status]));
    expect(byId.size).toBe(logged.length);
    for (const { requestId, status } of answers)
      expect([requestId, byId.get(requestId)]).toEqual([requestId, status]);
    report(
      `${answers.length} answers, ${service.logLines.length} log lines, ${secrets.size} secrets looked for`,
    );
  });

  test('holds no key, no signature and no content, however written', () => {
    const texts = lines().map(textOf);
    for (const [name, secret] of secrets) {
      const found = texts.filter((line) => holdsPieceOf(secret, line));
      expect({ name, found }).toEqual({ name, found: [] });
    }
  });

  async function work(): Promise<void> {
    const { id, url } = await service.client.upload({ name: 'plan.txt', content });
    const { attachment } = await service.client.ask<{ attachment: { downloadUrl: string } }>(
      `{ attachment(id: "${id}") { downloadUrl } }`,
    );
    const signed = attachment.downloadUrl;
    const signature = new URL(signed).searchParams.get('signature') ?? '';
    secrets.set('signature', signature).set('bad signature', 'Zm9yZ2Vk-c2lnbmF0dXJl_');
    await workOnFiles(url, signed, signature);
    await workOnTarget();
    await workOnQueries();
    await failInside(url);
    await sendRubbish(new URL(signed).pathname, signature);
  }

  async function workOnFiles(url: string, signed: string, signature: string): Promise<void> {
    const forged = signed.replace(signature, secrets.get('bad signature') ?? '');
    for (const authorization of [
      `Bearer ${service.key}`,
      `Basic ${service.key}`,
      `Bearer ${badKey}`,
      `Basic ${Buffer.from(`user:${badKey}`).toString('base64')}`,
      badKey,
    ]) {
      await note(fetch(url, { headers: { authorization } }));
      await note(fetch(`${url}x`, { headers: { authorization } }));
    }
    await note(fetch(url));
    for (const address of [
      signed,
      forged,
      `${signed}&x=1`,
      signed.replace('?', '%3F'),
      signed.replace('?', '%3f'),
    ])
      await note(fetch(address));
    await note(fetch(signed, { method: 'HEAD' }));
    await note(fetch(signed, { method: 'POST' }));
  }

  async function workOnTarget(): Promise<void> {
    const { createUploadTarget } = await service.client.ask<{
      createUploadTarget: { target: { url: string } };
    }>(
      `mutation { createUploadTarget(input: { fileName: "plan.txt", contentType: "text/plain", size: ${content.length} }) {
        target { url } } }`,
    );
    const { url } = createUploadTarget.target;
    const token = url.slice(url.lastIndexOf('/') + 1);
    secrets.set('signature of the token', token.slice(token.indexOf('.') + 1));
    const headers = { 'content-type': 'text/plain' };
    await note(fetch(url, { method: 'PUT', headers, body: `${content}!` }));
    await note(fetch(`${url}x`, { method: 'PUT', headers, body: content }));
    await note(fetch(url, { method: 'POST', headers, body: content }));
    await note(fetch(url));
    await note(fetch(url, { method: 'PUT', headers, body: content }));
    await send(
      `PUT http://localhost/uploads/${token} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`,
    );
  }

  async function workOnQueries(): Promise<void> {
    const bad = new Client(service.url, badKey);
    for (const client of [service.client, bad]) {
      const headers = { ...client.headers, 'content-type': 'application/json' };
      const bodies = [
        '{"query":"{ viewer { organizationId } }"}',
        `{"query":"{ attachment(id: \\"${client.key}\\") { id } }"}`,
        `{"query":"{ attachment(id: ${content}) { ${client.key} } }"}`,
        `{"query":"query ($id: ID!) { node(id: $id) { id } }","variables":{"id":{"${content}":"${client.key}"}}}`,
        `${content} ${client.key}`,
        ...[content, content.repeat(10_000)].map((text) =>
          inlineUpload(Buffer.from(text).toString('base64')),
        ),
        inlineUpload(content),
      ];
      for (const body of bodies)
        await note(fetch(`${service.url}/graphql`, { method: 'POST', headers, body }));
      await note(
        fetch(`${service.url}/graphql?query={viewer}&key=${client.key}`, { headers: client.headers }),
      );
      await noteUpload(client, content);
      await noteUpload(client, content.repeat(30_000));
    }
  }

  async function failInside(url: string): Promise<void> {
    storage.create = async () => {
      throw new Error('The disk is on fire.');
    };
    await noteUpload(service.client, content);
    storage.create = async (key) =>
      Object.assign(await create(key), {
        commit: () => Promise.reject(new AttachmentError('STORAGE_UNAVAILABLE')),
      });
    await noteUpload(service.client, content);
    storage.create = create;
    storage.read = async () => {
      throw new Error('The disk is on fire.');
    };
    await note(fetch(url, { headers: service.client.headers }));
    storage.read = read;
  }

  async function sendRubbish(path: string, signature: string): Promise<void> {
    const authorization = `Authorization: Bearer ${service.key}\r\n`;
    const form = formBody(
      graphqlForm({ query: 'mutation ($f: Upload!) { x }' }, { 0: ['variables.f'] }, [{ content }]),
    );
    const upload = (headers: Record<string, string | number>) =>
      requestHead('/graphql', {
        Authorization: `Bearer ${service.key}`,
        'Apollo-Require-Preflight': 'true',
        ...formHeaders(form.length),
        ...headers,
      });
    const broken = `${upload({ 'Content-Length': form.length })}${form.toString().replace('"map"', '"nap"')}`;
    await send(broken);
    await send(
      upload({}).replace(/Content-Length.+\r\n/, 'Transfer-Encoding: chunked\r\n') +
        chunked(form, 100).toString().replace('\r\n64\r\n', '\r\nzz\r\n'),
    );
    await send(
      `GET ${path}?signature=${signature} HTTP/1.1\r\nHost: x\r\n${authorization}Bad header\r\n\r\n`,
    );
    await send(
      `GET ${path}?signature=${signature}${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n${authorization}\r\n`,
    );
    await send(`FETCH ${path}?signature=${signature} HTTP/1.1\r\nHost: x\r\n${authorization}\r\n${content}`);
    await send(`GET /%zz?signature=${signature} HTTP/1.1\r\nHost: x\r\n${authorization}\r\n`);
    await send(`GET /${'x'.repeat(500)}?signature=${signature} HTTP/1.1\r\nHost: x\r\n${authorization}\r\n`);
    await send(
      `${requestHead('/graphql', { Authorization: `Bearer ${service.key}`, 'Content-Type': 'application/json', 'Content-Length': 1000 })}"${content}`,
    );
    const aborted = await RawConnection.open(service.url);
    await aborted.send(upload({}) + form.toString().slice(0, -20));
    await new Promise((resolve) => setTimeout(resolve, 100));
    aborted.abort();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }

  async function send(request: string): Promise<void> {
    const connection = await RawConnection.open(service.url);
    await connection.send(request);
    const { status, headers } = await connection.response();
    answers.push({ status, requestId: headers.get('x-request-id') ?? 'none' });
    connection.destroy();
  }

  async function noteUpload(client: Client, text: string): Promise<void> {
    const { status, headers } = await client.tryUpload({ name: 'plan.txt', content: text });
    answers.push({ status, requestId: headers.get('x-request-id') ?? 'none' });
  }

  async function note(asked: Promise<Response>): Promise<void> {
    const answer = await asked;
    const { status, headers } = answer;
    await answer.arrayBuffer();
    answers.push({ status, requestId: headers.get('x-request-id') ?? 'none' });
  }
});

function inlineUpload(base64: string): string {
  const query = `mutation ($base64: String!) {
    createAttachment(input: { content: { base64: $base64 }, fileName: "plan.txt" }) { attachment { id } } }`;
  return JSON.stringify({ query, variables: { base64 } });
}

test('a line is short however long the error is, and keeps its stack', async () => {
  const storage = createMemoryStorage();
  const create = async () => {
    throw new Error('long '.repeat(24_000), { cause: new Error('cause '.repeat(24_000)) });
  };
  await using service = await startService(allStored, { storage: { ...storage, create } });
  const { errors } = await service.client.tryUpload({ content: 'x', name: 'x.txt' });
  expect(errors?.[0]?.extensions.code).toBe('INTERNAL_SERVER_ERROR');
  const line = service.logLines.find((each) => each.includes('long long'));
  expect(line?.length).toBeLessThan(20_000);
  expect(line).toContain('(120000 characters)');
  expect(line).toMatch(/ at .*intake/);
});
