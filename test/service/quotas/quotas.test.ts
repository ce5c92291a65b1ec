import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { permissions } from '../../../src/auth/viewer.js';
import { correctUsage, foldUsage, recountUsage } from '../../../src/quotas/usage.js';
import { beginUpload } from '../../support/begin-upload.js';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import {
  chunked,
  formBody,
  formHeaders,
  graphqlForm,
  RawConnection,
  requestHead,
  testBoundary,
} from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { spawnService } from '../../support/spawned-service.js';
import { storedFiles } from '../../support/stored-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase, queryTestDatabase } from '../../support/test-database.js';
import { TusClient } from '../targets/tus-client.js';
import {
  actualUsage,
  codeOf,
  newTarget,
  newTenant,
  remove,
  tally,
  tallyAtOnce,
  tryContent,
  tryCopy,
  tryTarget,
  usageOf,
} from './quota-stage.js';

const kib = 1_024;
let now = Date.now();
let service: TestService;
beforeAll(async () => {
  service = await startService({ INLINE_MAX_BYTES: '1000' }, { clock: () => new Date(now) });
});
afterAll(() => service.close());

const bytes = (size: number) => Buffer.alloc(size, 'x');
const base64 = (size: number) => ({ base64: bytes(size).toString('base64') });
const upload = (client: Client, size: number) => client.tryUpload({ content: bytes(size), name: 'a.bin' });

/** Chunks of a body that goes on. */
const withoutEnd = (body: Buffer) => body.subarray(0, -'0\r\n\r\n'.length);

async function reserved(directory = service.dataDirectory): Promise<{ bytes: number }[]> {
  const rows = await queryTestDatabase<{ bytes: number | string }>(
    directory,
    'SELECT bytes FROM reservations',
  );
  return rows.map((row) => ({ bytes: Number(row.bytes) }));
}

const query =
  'mutation ($file: Upload!) { createAttachment(input: { content: { upload: $file } }) { attachment { id } } }';
const parts = (content: Buffer) =>
  formBody(graphqlForm({ query, variables: { file: null } }, { 0: ['variables.file'] }, [{ content }]));

describe('usage', () => {
  test('is exact after every commit, while counters are folded beside it', async () => {
    const client = await newTenant(service, {});
    const database = await openTestDatabase(service.dataDirectory);
    let expected = { bytes: 0, attachments: 0 };
    const expectUsage = async (change: { bytes: number; attachments: number }) => {
      expected = {
        bytes: expected.bytes + change.bytes,
        attachments: expected.attachments + change.attachments,
      };
      expect(await usageOf(client)).toEqual({ ...expected, maxBytes: null, maxAttachments: null });
      await foldUsage(database);
      expect(await usageOf(client)).toMatchObject(expected);
    };
    await expectUsage({ bytes: 0, attachments: 0 });
    const small = await client.upload({ content: bytes(10) });
    await expectUsage({ bytes: 10, attachments: 1 });
    const large = await client.upload({ content: bytes(3_000) });
    await expectUsage({ bytes: 3_000, attachments: 1 });
    const { data } = await tryCopy(client, large.id);
    await expectUsage({ bytes: 0, attachments: 1 });
    await remove(client, large.id);
    await expectUsage({ bytes: 0, attachments: -1 });
    await remove(client, data?.copyAttachment.attachment.id ?? '');
    await expectUsage({ bytes: -3_000, attachments: -1 });
    await remove(client, small.id);
    await expectUsage({ bytes: -10, attachments: -1 });
    await database.close();
  });

  test('is what the rows say after uploads, copies and deletions at once', async () => {
    const client = await newTenant(service, {});
    const one = async (index: number) => {
      const { id } = await client.upload({ content: bytes(index * 40) });
      if (index % 2 === 0) await tryCopy(client, id);
      if (index % 3 === 0) await remove(client, id);
    };
    const work = Promise.all(Array.from({ length: 60 }, (_, index) => one(index)));
    let isDone = false;
    void work.then(() => {
      isDone = true;
    });
    const database = await openTestDatabase(service.dataDirectory);
    while (!isDone) await foldUsage(database);
    await work;
    expect(await usageOf(client)).toMatchObject(await actualUsage(service, client.organizationId));
    const wrong = (await recountUsage(database.read)).filter(
      ({ counted, actual }) => counted.bytes !== actual.bytes || counted.attachments !== actual.attachments,
    );
    expect(wrong).toEqual([]);
    await database.close();
  });

  test('is put right by a recount if somebody has changed the counters', async () => {
    const client = await newTenant(service, {});
    await client.upload({ content: bytes(100) });
    const database = await openTestDatabase(service.dataDirectory);
    await database.write((manager) =>
      manager.query(`INSERT INTO usage_changes VALUES ('${client.organizationId}', 7, -3, 0)`),
    );
    expect(await usageOf(client)).toMatchObject({ bytes: 107, attachments: -2 });
    await database.write((manager) => correctUsage(manager));
    expect(await usageOf(client)).toMatchObject({ bytes: 100, attachments: 1 });
    await database.close();
  });
});

describe('many uploads at once', () => {
  test.each([
    ['that come as a whole', 20 * kib, 50],
    ['that are streamed', 200 * kib, 100],
    ['kept in rows', 900, 50],
  ])('%s: as many are stored as fit, to the byte', async (_, size, room) => {
    const client = await newTenant(service, { bytes: room * size });
    const { codes, unavailable } = await tallyAtOnce(2 * room, () => upload(client, size));
    const { ok = 0, ...refused } = codes;
    expect(ok).toBeLessThanOrEqual(room);
    expect(ok).toBeGreaterThanOrEqual(room - unavailable);
    expect(refused).toEqual({ QUOTA_EXCEEDED: 2 * room - ok });
    const usage = { bytes: room * size, attachments: room };
    expect(await usageOf(client)).toMatchObject(usage);
    expect(await actualUsage(service, client.organizationId)).toEqual(usage);
    expect(codeOf(await upload(client, 1))).toBe('QUOTA_EXCEEDED');
    expect(codeOf(await upload(client, 0))).toBe('ok');
    report(`${2 * room} uploads of ${size} bytes with room for ${room}: ${JSON.stringify(codes)}`);
  });

  test('with room for 50 attachments: 50 are made', async () => {
    const client = await newTenant(service, { attachments: 50 });
    const [{ id }] = await Promise.all([client.upload({ content: bytes(10) })]);
    const run = (index: number) => (index % 2 === 0 ? upload(client, 10) : tryCopy(client, id));
    const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => run(index)));
    expect((await usageOf(client)).attachments).toBe(50);
    const codes = tally(answers.map(codeOf));
    expect(codes).toEqual({ ok: 49, QUOTA_EXCEEDED: 51 });
    const refused = answers.find(({ errors }) => errors)?.errors?.[0]?.extensions;
    expect(refused).toMatchObject({ limit: 50, details: [{ type: 'quota_attachments' }] });
  });

  test('through every door: the bound is not passed', async () => {
    const size = 10 * kib;
    const client = await newTenant(service, { bytes: 50 * size });
    const byTarget = async () => {
      const answer = await tryTarget(client, size);
      const target = answer.data?.createUploadTarget?.target;
      if (!target) return answer;
      await fetch(target.url, { method: 'PUT', body: bytes(size) });
      return tryContent(client, { documentKey: target.documentKey });
    };
    const chunkedUpload = async () => {
      const connection = await RawConnection.open(client.url);
      const head = {
        ...client.headers,
        'Apollo-Require-Preflight': 'true',
        'Content-Type': `multipart/form-data; boundary=${testBoundary}`,
        'Transfer-Encoding': 'chunked',
      };
      await connection.send(requestHead('/graphql', head));
      await connection.send(chunked(parts(bytes(size)), 4_000));
      const { body } = await connection.response();
      connection.destroy();
      return JSON.parse(body) as { errors: undefined };
    };
    const doors = [
      () => upload(client, size),
      () => tryContent(client, base64(size)),
      () => tryContent(client, { dataUrl: `data:;base64,${bytes(size).toString('base64')}` }),
      byTarget,
      chunkedUpload,
    ];
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => doors[index % doors.length]?.() ?? upload(client, size)),
    );
    const codes = tally(answers.map(codeOf));
    const stored = await actualUsage(service, client.organizationId);
    expect(Object.keys(codes).toSorted()).toEqual(['QUOTA_EXCEEDED', 'ok']);
    expect(stored).toEqual({ bytes: (codes['ok'] ?? 0) * size, attachments: codes['ok'] });
    expect(stored.bytes).toBeLessThanOrEqual(50 * size);
    expect(await usageOf(client)).toMatchObject(stored);
    report(`200 uploads by five doors with room for 50: ${JSON.stringify(codes)}`);
  });
});

describe('at the bound on attachments', () => {
  const small = 100;
  const large = 2_000_000;
  const asFile = (client: Client, field: string, size: number, input: object) =>
    client.multipart(
      {
        query: `mutation ($input: ${field[0]?.toUpperCase()}${field.slice(1)}Input!) { ${field}(input: $input) { attachment { id size } } }`,
        variables: { input: { ...input, content: { upload: null } } },
      },
      [{ content: bytes(size), name: 'a.bin' }],
      { 0: ['variables.input.content.upload'] },
    );
  const asText = (client: Client, field: string, content: object, input: object) =>
    client.graphql(
      `mutation ($input: ${field[0]?.toUpperCase()}${field.slice(1)}Input!) { ${field}(input: $input) { attachment { id size } } }`,
      { input: { ...input, content } },
    );
  const dataUrl = (size: number) => ({ dataUrl: `data:;base64,${base64(size).base64}` });
  const forms = [
    ['a file part', (client: Client, field: string, input: object) => asFile(client, field, small, input)],
    [
      'a large file part',
      (client: Client, field: string, input: object) => asFile(client, field, large, input),
    ],
    ['base64', (client: Client, field: string, input: object) => asText(client, field, base64(small), input)],
    [
      'long base64',
      (client: Client, field: string, input: object) => asText(client, field, base64(large), input),
    ],
    [
      'a data URL',
      (client: Client, field: string, input: object) => asText(client, field, dataUrl(small), input),
    ],
  ] as const;

  test.each(forms)(
    'new content for an attachment is taken as %s, and another attachment is not',
    async (_, send) => {
      const client = await newTenant(service, { attachments: 1 });
      const { id: attachmentId } = await client.upload({ content: bytes(10) });
      const replaced = await send(client, 'replaceContent', { attachmentId });
      expect(replaced.errors).toBeUndefined();
      const stored = await actualUsage(service, client.organizationId);
      const files = await storedFiles(service.dataDirectory);
      const refused = await send(client, 'createAttachment', { fileName: 'b.bin' });
      expect(refused.errors?.[0]?.extensions).toEqual({
        code: 'QUOTA_EXCEEDED',
        limit: 1,
        details: [
          {
            loc: ['input', 'content'],
            msg: 'The organization may store at most 1 attachments.',
            type: 'quota_attachments',
          },
        ],
      });
      expect(await actualUsage(service, client.organizationId)).toEqual(stored);
      expect(await storedFiles(service.dataDirectory)).toEqual(files);
      expect(await reserved()).toEqual([]);
    },
  );

  test('new content is still refused at the bound on bytes', async () => {
    const client = await newTenant(service, { attachments: 1, bytes: 1_000 });
    const { id: attachmentId } = await client.upload({ content: bytes(950) });
    for (const [, send] of forms)
      expect((await send(client, 'replaceContent', { attachmentId })).errors?.[0]?.extensions).toMatchObject({
        code: 'QUOTA_EXCEEDED',
        details: [{ type: 'quota_bytes' }],
      });
    expect(await usageOf(client)).toMatchObject({ bytes: 950, attachments: 1 });
  });
});

describe('a file is not read at the bound on attachments', () => {
  /** The status and the codes that answer the beginning of a form; null if the rest of it is waited for. */
  async function begin(client: Client, operation: object, isWhole = false) {
    const form = formBody(graphqlForm(operation, { 0: ['variables.file'] }, [{ content: bytes(300_000) }]));
    const connection = await RawConnection.open(client.url);
    const common = { ...client.headers, 'Apollo-Require-Preflight': 'true' };
    await connection.send(requestHead('/graphql', { ...common, ...formHeaders(form.length) }));
    await connection.send(form.subarray(0, 2_000));
    try {
      if (isWhole) await connection.send(form.subarray(2_000));
      const { status, body } = await connection.response(isWhole ? 10_000 : 500);
      const { errors = [] } = JSON.parse(body) as { errors?: { extensions: { code: string } }[] };
      return [status, ...errors.map(({ extensions }) => extensions.code)];
    } catch {
      return null;
    } finally {
      connection.destroy();
    }
  }

  const variables = { file: null };
  const create = (input = '', more = '') =>
    `createAttachment(input: { fileName: "a.bin", content: { upload: $file }${input} })${more} { attachment { id } }`;
  const operationOf = (fields: string, variable = '') => ({
    query: `mutation ($file: Upload!${variable}) { ${fields} }`,
    variables,
  });

  test('that can only become one more', async () => {
    const client = await newTenant(service, { attachments: 1 });
    const { id } = await client.upload({ content: bytes(10) });
    const refused = [413, 'QUOTA_EXCEEDED'];
    expect(await begin(client, operationOf(create()))).toEqual(refused);
    expect(await begin(client, operationOf(`a: ${create()} b: ${create(', idempotencyKey: null')}`))).toEqual(
      refused,
    );
    expect(await begin(client, operationOf(create(', idempotencyKey: "new"')))).toEqual(refused);
    expect(await actualUsage(service, client.organizationId)).toEqual({ bytes: 10, attachments: 1 });
    const mayDo = [
      `replaceContent(input: { attachmentId: "${id}", content: { upload: $file } }) { attachment { id } }`,
      `${create()} replaceContent(input: { attachmentId: "${id}", content: { upload: $file } }) { attachment { id } }`,
      `deleteAttachment(input: { attachmentId: "${id}" }) { deletedAttachmentId } ${create()}`,
      create('', ' @skip(if: true)'),
      `...F } fragment F on Mutation { ${create()}`,
    ].map((fields) => operationOf(fields));
    for (const operation of [...mayDo, operationOf(create(', idempotencyKey: $key'), ', $key: String = "x"')])
      expect([operation.query, await begin(client, operation)]).toEqual([operation.query, null]);
  });

  test('but is if it may be there already, by its idempotency key', async () => {
    const client = await newTenant(service, { attachments: 1 });
    const inline = operationOf(create(', idempotencyKey: "once"'));
    expect(await begin(client, inline, true)).toEqual([200]);
    expect(await begin(client, inline, true)).toEqual([200]);
    const other = await newClient(service, {
      permissions: [...permissions],
      organizationId: client.organizationId,
    });
    expect(await begin(other, inline)).toEqual([413, 'QUOTA_EXCEEDED']);
    expect(await actualUsage(service, client.organizationId)).toEqual({ bytes: 300_000, attachments: 1 });
  });
});

describe('an upload that has no room is refused', () => {
  const open = async (client: Client, headers: Record<string, string | number>) => {
    const connection = await RawConnection.open(client.url);
    const common = { ...client.headers, 'Apollo-Require-Preflight': 'true' };
    await connection.send(requestHead('/graphql', { ...common, ...headers }));
    return connection;
  };

  test('before its body is read, if its length is told', async () => {
    const client = await newTenant(service, { bytes: 1_000_000 });
    const form = parts(bytes(1_000_001));
    const fits = parts(bytes(1_000_000));
    const connection = await open(client, formHeaders(form.length));
    await connection.send(form.subarray(0, 1_000));
    const { status, body } = await connection.response();
    const { errors } = JSON.parse(body) as { errors: { extensions: object }[] };
    expect([status, errors[0]?.extensions]).toEqual([
      413,
      {
        code: 'QUOTA_EXCEEDED',
        limit: 1_000_000,
        details: [
          {
            loc: ['input', 'content'],
            msg: 'The organization may store at most 1000000 bytes.',
            type: 'quota_bytes',
          },
        ],
      },
    ]);
    connection.destroy();
    const other = await open(client, formHeaders(fits.length));
    await other.send(fits);
    expect((await other.response()).status).toBe(200);
    other.destroy();
  });

  test('before a JSON body is read', async () => {
    const client = await newTenant(service, { bytes: 1_000_000 });
    const connection = await open(client, {
      'Content-Type': 'application/json',
      'Content-Length': 10_000_000,
    });
    const { status, body } = await connection.response();
    expect([status, body]).toEqual([413, expect.stringContaining('QUOTA_EXCEEDED')]);
    connection.destroy();
  });

  test('at the byte too many, if its length is not told', async () => {
    const size = 300_000;
    const client = await newTenant(service, { bytes: size });
    const form = parts(bytes(size + 1));
    const head = form.indexOf('\r\n\r\nxxx') + 4;
    const connection = await open(client, {
      'Content-Type': `multipart/form-data; boundary=${testBoundary}`,
      'Transfer-Encoding': 'chunked',
    });
    const chunkOf = (part: Buffer) => withoutEnd(chunked(part, 50_000));
    await connection.send(chunkOf(form.subarray(0, head + size)));
    while ((await reserved())[0]?.bytes !== size) await sleep(10);
    await expect(connection.response(50)).rejects.toThrow('No response');
    await connection.send(chunkOf(form.subarray(head + size, head + size + 1)));
    const { status, body } = await connection.response();
    expect([status, body]).toEqual([413, expect.stringContaining('"limit":300000')]);
    connection.destroy();
    expect(codeOf(await upload(client, size))).toBe('ok');
  });

  test('if the files of one request have no room together', async () => {
    const client = await newTenant(service, { bytes: 500_000 });
    const operation = {
      query: `mutation ($a: Upload!, $b: Upload!) {
        a: createAttachment(input: { content: { upload: $a } }) { attachment { id } }
        b: createAttachment(input: { content: { upload: $b } }) { attachment { id } } }`,
      variables: { a: null, b: null },
    };
    const send = (size: number) =>
      client.multipart(operation, [{ content: bytes(size) }, { content: bytes(size) }], {
        0: ['variables.a'],
        1: ['variables.b'],
      });
    expect(codeOf(await send(250_001))).toBe('QUOTA_EXCEEDED');
    expect((await usageOf(client)).bytes).toBe(0);
    expect(codeOf(await send(250_000))).toBe('ok');
    expect((await usageOf(client)).bytes).toBe(500_000);
  });
});

describe('room is given back', () => {
  const size = 400_000;
  const untilFits = async (client: Client) => {
    while (codeOf(await upload(client, size)) !== 'ok') await sleep(20);
    expect(await reserved()).toEqual([]);
  };

  test('by uploads that are refused or of no use', async () => {
    const client = await newTenant(service, { bytes: size });
    const wrong = { query: 'mutation ($file: Upload!) { nothing }', variables: { file: null } };
    const unused = {
      query: 'query ($file: Upload) { viewer { organizationId } }',
      variables: { file: null },
    };
    for (const operation of [wrong, unused])
      await client.multipart(operation, [{ content: bytes(200_000) }], { 0: ['variables.file'] });
    expect(codeOf(await client.tryUpload({ content: bytes(size), name: 'a/..' }))).toBe('INVALID_FILE_NAME');
    expect(codeOf(await tryContent(client, { base64: `${'A'.repeat(400)}!` }))).toBe('INVALID_BASE64');
    expect(await usageOf(client)).toMatchObject({ bytes: 0, attachments: 0 });
    await untilFits(client);
  });

  test.each(['multipart', 'chunked'])('by a client that goes away in the middle: %s', async (way) => {
    const client = await newTenant(service, { bytes: size });
    const form = parts(bytes(size));
    const connection = await RawConnection.open(client.url);
    const common = { ...client.headers, 'Apollo-Require-Preflight': 'true' };
    const type = { 'Content-Type': `multipart/form-data; boundary=${testBoundary}` };
    const length = way === 'chunked' ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': form.length };
    await connection.send(requestHead('/graphql', { ...common, ...type, ...length }));
    const half = form.subarray(0, 200_000);
    await connection.send(way === 'chunked' ? withoutEnd(chunked(half, 50_000)) : half);
    while (((await reserved())[0]?.bytes ?? 0) < 190_000) await sleep(10);
    expect(codeOf(await upload(client, size))).toBe('QUOTA_EXCEEDED');
    connection.abort();
    await untilFits(client);
  });

  test('by an upload target whose time is over', async () => {
    const client = await newTenant(service, { bytes: size });
    const { url } = await newTarget(client, size);
    expect(codeOf(await tryTarget(client, 1))).toBe('QUOTA_EXCEEDED');
    expect(codeOf(await upload(client, 1))).toBe('QUOTA_EXCEEDED');
    now += 15 * 60_000;
    expect(codeOf(await upload(client, size))).toBe('ok');
    expect((await fetch(url, { method: 'PUT', body: bytes(size) })).status).toBe(404);
  });

  test('by none whose bytes have come, until an attachment is made of them', async () => {
    const client = await newTenant(service, { bytes: size });
    const { url, documentKey } = await newTarget(client, size);
    expect((await fetch(url, { method: 'PUT', body: bytes(size) })).status).toBe(201);
    now += 16 * 60_000;
    expect(codeOf(await upload(client, 1))).toBe('QUOTA_EXCEEDED');
    for (let time = 0; time < 2; time += 1)
      expect(codeOf(await tryContent(client, { documentKey }))).toBe('ok');
    expect(await usageOf(client)).toMatchObject({ bytes: size, attachments: 2 });
  });

  test('by an upload in several requests that is terminated; one of unknown length holds what has come', async () => {
    const client = await newTenant(service, { bytes: size });
    const tus = new TusClient(service, client.key);
    const url = await tus.create(size);
    expect(codeOf(await upload(client, 1))).toBe('QUOTA_EXCEEDED');
    expect((await tus.post({ 'upload-length': '1' })).fault).toBe('QUOTA_EXCEEDED quota_bytes');
    expect((await tus.send(url, { method: 'DELETE' })).status).toBe(204);
    const { headers } = await tus.post({ 'upload-defer-length': '1' });
    const deferred = headers.get('location') ?? '';
    const patch = (offset: number, body: Buffer, more: Record<string, string> = {}) =>
      tus.send(deferred, { method: 'PATCH', headers: { 'upload-offset': String(offset), ...more }, body });
    expect((await patch(0, bytes(size - 1))).status).toBe(204);
    expect(codeOf(await upload(client, 2))).toBe('QUOTA_EXCEEDED');
    expect((await patch(size - 1, bytes(2))).fault).toBe('QUOTA_EXCEEDED quota_bytes');
    const tooLong = { 'upload-length': String(size + 1) };
    expect((await patch(size - 1, bytes(1), tooLong)).fault).toBe('QUOTA_EXCEEDED quota_bytes');
    // Bytes that are refused take no room on the disk either.
    const [file] = (await storedFiles(service.dataDirectory)).filter((name) => name.includes('.growing'));
    expect((await stat(join(service.dataDirectory, 'files', file ?? ''))).size).toBe(size - 1);
    expect((await patch(size - 1, bytes(1), { 'upload-length': String(size) })).status).toBe(204);
    expect(codeOf(await upload(client, 1))).toBe('QUOTA_EXCEEDED');
  });

  test('by a deletion', async () => {
    const client = await newTenant(service, { bytes: size });
    const { id } = await client.upload({ content: bytes(size) });
    expect(codeOf(await upload(client, 1))).toBe('QUOTA_EXCEEDED');
    await remove(client, id);
    expect(codeOf(await upload(client, size))).toBe('ok');
  });
});

test('the trash counts, until it is emptied', async () => {
  await using other = await startService({ TRASH_DAYS: '1', QUOTA_BYTES: '1000', QUOTA_ATTACHMENTS: '1' });
  const { client } = other;
  const { id } = await client.upload({ content: bytes(1_000) });
  await remove(client, id);
  expect(await usageOf(client)).toMatchObject({ bytes: 1_000, attachments: 1 });
  expect(codeOf(await upload(client, 0))).toBe('QUOTA_EXCEEDED');
  await client.ask('mutation ($id: ID!) { restoreAttachment(input: { attachmentId: $id }) { __typename } }', {
    id,
  });
  expect(await usageOf(client)).toMatchObject({ bytes: 1_000, attachments: 1 });
  const permanently = '{ attachmentId: $id, permanently: true }';
  await client.ask(`mutation ($id: ID!) { deleteAttachment(input: ${permanently}) { __typename } }`, { id });
  expect(await usageOf(client)).toMatchObject({ bytes: 0, attachments: 0 });
  expect(codeOf(await upload(client, 1_000))).toBe('ok');
});

test('a killed process gives back what it had reserved', async () => {
  const directory = await makeTemporaryDirectory();
  const size = 3_000_000;
  const env = { DATA_DIR: directory, QUOTA_BYTES: String(size) };
  const rounds = Number(process.env['ROUNDS'] ?? 2);
  let key = '';
  for (let round = 0; round < rounds; round += 1) {
    const doomed = await spawnService({ ...env, ...(key ? { BOOTSTRAP_API_KEY: key } : {}) });
    key = doomed.client.key ?? '';
    const { sent } = beginUpload(doomed.client, bytes(size));
    await sent;
    while (((await reserved(directory))[0]?.bytes ?? 0) < size / 3) await sleep(10);
    await doomed.end('SIGKILL');
    const startNext = (deadAfterMs: number) =>
      startService({ ...env, BOOTSTRAP_API_KEY: key }, { reservationTimes: { deadAfterMs } });
    const patient = await startNext(3_600_000);
    expect(codeOf(await upload(patient.client, size))).toBe('QUOTA_EXCEEDED');
    await patient.close();
    await using next = await startNext(100);
    let answer = await upload(next.client, size);
    for (; codeOf(answer) !== 'ok'; answer = await upload(next.client, size)) await sleep(50);
    await remove(next.client, answer.data?.createAttachment.attachment.id ?? '');
    expect(await usageOf(next.client)).toMatchObject({ bytes: 0, attachments: 0, maxBytes: size });
  }
  report(`${rounds} kills with all room reserved: it was given back each time`);
}, 60_000);
