import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'typeorm';
import { AttachmentError } from '../../../src/errors.js';
import { createMemoryStorage } from '../../../src/storage/memory.js';
import type { Storage } from '../../../src/storage/storage.js';
import { allStored, startService, type TestService } from '../../support/service.js';

const secret = 'connect ECONNREFUSED /var/lib/secret.sqlite SELECT 1';
const fail = async (): Promise<never> => {
  throw new Error(secret);
};
const unavailable = async (): Promise<never> => {
  throw new AttachmentError('STORAGE_UNAVAILABLE', { cause: new Error(secret) });
};

describe('a fault inside', () => {
  let service: TestService;
  let failClock: boolean;
  let failStatements: boolean;
  let storage: Storage;

  beforeEach(async () => {
    failClock = false;
    failStatements = false;
    storage = createMemoryStorage();
    service = await startService(allStored, { storage, clock, statementLogger });
  });
  afterEach(() => service.close());

  const clock = () => {
    // Many ask for the time; only signed URLs fail for want of it.
    const asks = new Error(secret);
    if (failClock && asks.stack?.includes('attachment-urls')) throw asks;
    return new Date();
  };
  const logQuery = () => {
    if (failStatements) throw new Error(secret);
  };
  const ignore = () => undefined;
  const statementLogger: Logger = {
    logQuery,
    logQueryError: ignore,
    logQuerySlow: ignore,
    logSchemaBuild: ignore,
    logMigration: ignore,
    log: ignore,
  };

  test('an upload whose storage throws something unforeseen', async () => {
    storage.create = fail;
    const { status, headers, errors, data } = await service.client.tryUpload({ content: 'x' });
    expect({ status, data }).toEqual({ status: 500, data: undefined });
    expectMasked({ headers, body: errors }, 'INTERNAL_SERVER_ERROR');
  });

  test('an upload whose storage is out of reach', async () => {
    storage.create = unavailable;
    const { status, headers, errors } = await service.client.tryUpload({ content: 'x' });
    expect(status).toBe(503);
    expectMasked({ headers, body: errors }, 'STORAGE_UNAVAILABLE');
  });

  test('an upload whose storage fails at the end', async () => {
    const create = storage.create.bind(storage);
    storage.create = async (key) => Object.assign(await create(key), { commit: fail });
    const { status, headers, errors } = await service.client.tryUpload({ content: 'x' });
    expect(status).toBe(500);
    expectMasked({ headers, body: errors }, 'INTERNAL_SERVER_ERROR');
  });

  test.each([
    [fail, 500],
    [unavailable, 503],
  ])('a download whose storage cannot be read', async (read, status) => {
    const { url } = await service.client.upload({ content: 'x' });
    storage.read = read;
    const answer = await service.client.download(url);
    expect(answer.status).toBe(status);
    expectMasked(
      { headers: answer.headers, body: (await body(answer)).errors },
      expect.stringMatching(/^(STORAGE_UNAVAILABLE|INTERNAL_SERVER_ERROR)$/),
    );
  });

  test('a resolver', async () => {
    const { id } = await service.client.upload({ content: 'x' });
    failClock = true;
    const answer = await service.client.graphql(
      `{ a: attachment(id: "${id}") { id downloadUrl } viewer { organizationId } }`,
    );
    expect(answer).toMatchObject({
      status: 200,
      data: { a: { id, downloadUrl: null }, viewer: { organizationId: expect.any(String) } },
      errors: [{ path: ['a', 'downloadUrl'] }],
    });
    expectMasked({ headers: answer.headers, body: answer.errors }, 'INTERNAL_SERVER_ERROR');
  });

  test('a route', async () => {
    const { id } = await service.client.upload({ content: 'x' });
    const { attachment } = await service.client.ask<{ attachment: { downloadUrl: string } }>(
      `{ attachment(id: "${id}") { downloadUrl } }`,
    );
    failClock = true;
    const answer = await fetch(attachment.downloadUrl);
    expect(answer.status).toBe(500);
    expectMasked({ headers: answer.headers, body: (await body(answer)).errors }, 'INTERNAL_SERVER_ERROR');
  });

  test('a database that cannot be asked, in a resolver and while the credential is checked', async () => {
    await service.client.ask('{ viewer { organizationId } }');
    failStatements = true;
    const resolved = await service.client.graphql('{ attachments { totalCount } }');
    expectMasked({ headers: resolved.headers, body: resolved.errors }, 'INTERNAL_SERVER_ERROR');
    const checked = await fetch(`${service.url}/attachments/x/y`, {
      headers: { authorization: 'Bearer cck_never-seen-before' },
    });
    expect(checked.status).toBe(500);
    expectMasked({ headers: checked.headers, body: (await body(checked)).errors }, 'INTERNAL_SERVER_ERROR');
  });

  test('a download cut off midway is logged, too', async () => {
    const { url } = await service.client.upload({ content: Buffer.alloc(4 * 1024 * 1024) });
    storage.read = async () => Readable.from(failing(), { objectMode: false });
    const answer = await service.client.download(url);
    expect(answer.status).toBe(200);
    await expect(answer.arrayBuffer()).rejects.toThrow();
    expectLogged(answer.headers);
  });

  function expectMasked({ headers, body }: { headers: Headers; body: unknown }, code: unknown): void {
    expect(body).toEqual([expect.objectContaining({ extensions: { code, details: [] } })]);
    expect(JSON.stringify(body)).not.toMatch(/secret|SELECT|ECONNREFUSED|Error:/);
    expectLogged(headers);
  }

  /** Once at least, under the id that the client was told, as an error with what happened. */
  function expectLogged(headers: Headers): void {
    const lines = service.logLines.map((line) => JSON.parse(line) as { reqId?: string; level: number });
    const told = lines.filter(({ reqId, level }) => reqId === headers.get('x-request-id') && level >= 50);
    expect(told.length).toBeGreaterThan(0);
    expect(JSON.stringify(told)).toContain(secret);
  }
});

async function* failing() {
  yield Buffer.alloc(1024 * 1024);
  await sleep(50);
  throw new Error(secret);
}

async function body(answer: Response): Promise<{ errors: unknown }> {
  return (await answer.json()) as { errors: unknown };
}
