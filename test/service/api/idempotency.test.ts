import { randomBytes } from 'node:crypto';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';

describe('idempotencyKey', () => {
  let service: TestService;
  let now = Date.now();
  beforeAll(async () => {
    service = await startService({}, { clock: () => new Date(now) });
  });
  afterAll(() => service.close());

  test('gives the first attachment again for the same input, and keeps one copy of the bytes', async () => {
    const content = randomBytes(3.5 * 2 ** 20);
    const input = { idempotencyKey: 'retry-1', description: 'd', record: { type: 'T', id: '1' }, field: 'f' };
    const first = await service.client.upload({ content, name: 'a.bin' }, input);
    const files = await storedFiles(service.dataDirectory);
    const again = await service.client.upload({ content, name: 'a.bin' }, input);
    expect(again).toEqual(first);
    expect(await storedFiles(service.dataDirectory)).toEqual(files);
  });

  test.each([
    ['other bytes', { content: 'y' }, {}],
    ['another name', { content: 'x', name: 'b.txt' }, {}],
    ['another description', { content: 'x' }, { description: 'other' }],
    ['another record', { content: 'x' }, { record: { type: 'T', id: '9' } }],
  ])('conflicts with %s', async (what, file, more) => {
    const idempotencyKey = `conflict-${what}`;
    await service.client.upload({ name: 'a.txt', content: 'x' }, { idempotencyKey });
    const before = await storedFiles(service.dataDirectory);
    const { errors } = await service.client.tryUpload(
      { name: 'a.txt', ...file },
      { idempotencyKey, ...more },
    );
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
      details: [{ loc: ['input', 'idempotencyKey'] }],
    });
    expect(await storedFiles(service.dataDirectory)).toEqual(before);
  });

  test('on twenty requests at once makes one attachment', async () => {
    const before = (await storedFiles(service.dataDirectory)).length;
    const made = await Promise.all(
      Array.from({ length: 20 }, () =>
        service.client.upload({ content: 'same', name: 'a.txt' }, { idempotencyKey: 'at once' }),
      ),
    );
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(await storedFiles(service.dataDirectory)).toHaveLength(before + 1);
  });

  test("is the principal's own, lives 24 hours, and is free again after a deletion", async () => {
    const input = { idempotencyKey: 'mine' };
    const file = { content: 'x', name: 'a.txt' };
    const first = await service.client.upload(file, input);
    const colleague = await newClient(service);
    expect((await colleague.upload(file, input)).id).not.toBe(first.id);
    now += 23 * 3_600_000;
    expect((await service.client.upload(file, input)).id).toBe(first.id);
    now += 2 * 3_600_000;
    const second = await service.client.upload(file, input);
    expect(second.id).not.toBe(first.id);
    await service.client.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
      { id: second.id },
    );
    const third = await service.client.upload(file, input);
    expect([first.id, second.id]).not.toContain(third.id);
  });

  test.each(['', 'x'.repeat(256)])('refuses a key of %j', async (idempotencyKey) => {
    const { errors } = await service.client.tryUpload({ content: 'x' }, { idempotencyKey });
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      limit: 255,
      details: [{ loc: ['input', 'idempotencyKey'] }],
    });
  });
});

describe('digest', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  test.each([
    ['MD5', '9dd4e461268c8034f5c8564e155c67a6'],
    ['SHA256', '2D711642B726B04401627CA9FBAC32F5C8530FB1903CC4DB02258717921A4881'],
  ])('with the right %s is accepted, whatever its case', async (algorithm, hash) => {
    expect((await service.client.upload({ content: 'x' }, { digest: { algorithm, hash } })).size).toBe(1);
  });

  test.each([
    [{ algorithm: 'MD5', hash: '9dd4e461268c8034f5c8564e155c67a7' }, 'DIGEST_MISMATCH'],
    [{ algorithm: 'SHA256', hash: '9dd4e461268c8034f5c8564e155c67a6' }, 'BAD_USER_INPUT'],
    [{ algorithm: 'MD5', hash: 'nonsense' }, 'BAD_USER_INPUT'],
  ])('%j is refused, and nothing is kept', async (digest, code) => {
    const before = await storedFiles(service.dataDirectory);
    const { errors } = await service.client.tryUpload({ content: 'x' }, { digest });
    expect(errors?.[0]?.extensions).toMatchObject({ code, details: [{ loc: ['input', 'digest', 'hash'] }] });
    expect(await storedFiles(service.dataDirectory)).toEqual(before);
  });
});
