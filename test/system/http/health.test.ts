import { setTimeout as pause } from 'node:timers/promises';
import { AttachmentError } from '../../../src/errors.js';
import { createMemoryStorage } from '../../../src/storage/memory.js';
import type { Storage } from '../../../src/storage/storage.js';
import { startService, type TestService } from '../../support/service.js';

describe('health', () => {
  let service: TestService;
  let storage: Storage;
  beforeEach(async () => {
    storage = createMemoryStorage();
    service = await startService({}, { storage });
  });
  afterEach(() => service.close());

  const ask = async (path: string) => {
    const answer = await fetch(`${service.url}/health/${path}`);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    return { status: answer.status, body: await answer.text() };
  };
  /** An answer stands for a second. */
  const untilForgotten = () => pause(1_100);
  const good = { status: 200, body: '{"status":"ok"}' };

  test('is live and ready, for anybody', async () => {
    expect(await ask('live')).toEqual(good);
    expect(await ask('ready')).toEqual(good);
  });

  test.each([
    ['full', new AttachmentError('STORAGE_UNAVAILABLE', { cause: new Error('ENOSPC /var/secret') })],
    ['broken in a way unforeseen', new Error('ENOSPC /var/secret')],
  ])(
    'is not ready while the storage is %s, and says no more than that; it is live all the same',
    async (_how, fault) => {
      const check = storage.check;
      storage.check = () => Promise.reject(fault);
      expect(await ask('ready')).toEqual({
        status: 503,
        body: '{"status":"unavailable","failing":["storage"]}',
      });
      expect(await ask('live')).toEqual(good);
      expect(service.logLines.filter((line) => line.includes('ENOSPC /var/secret'))).toHaveLength(1);

      storage.check = check;
      await untilForgotten();
      expect(await ask('ready')).toEqual(good);
    },
  );

  test('is not ready where a check throws at once', async () => {
    storage.check = () => {
      throw new Error('ENOSPC /var/secret');
    };
    expect(await ask('ready')).toEqual({
      status: 503,
      body: '{"status":"unavailable","failing":["storage"]}',
    });
  });

  test('a flood is answered by one look, and a part that hangs is not asked again', async () => {
    let looks = 0;
    let release: () => void = () => undefined;
    storage.check = () => {
      looks += 1;
      return new Promise((resolve) => {
        release = resolve;
      });
    };
    const unready = { status: 503, body: '{"status":"unavailable","failing":["storage"]}' };
    const flood = async () =>
      new Set((await Promise.all(Array.from({ length: 50 }, () => ask('ready')))).map(({ body }) => body));
    expect(await flood()).toEqual(new Set([unready.body]));
    await untilForgotten();
    expect(await flood()).toEqual(new Set([unready.body]));
    expect(looks).toBe(1);
    release();
    storage.check = async () => undefined;
    await untilForgotten();
    expect(await ask('ready')).toEqual(good);
  });
});
