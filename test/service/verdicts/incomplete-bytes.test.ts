import { appendFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createLocalStorage } from '../../../src/storage/local.js';
import { pause, until } from '../../support/jobs-contract.js';
import { overrideStorage } from '../../support/override-storage.js';
import { allStored, startService, type TestService } from '../../support/service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { GatedScanner } from './gated-scanner.js';

const size = 4 * 1024 * 1024;
const scansAtOnce = 8;

async function statusOf({ client }: TestService, id: string): Promise<string> {
  const query = 'query ($id: ID!) { attachment(id: $id) { status } }';
  return (await client.ask<{ attachment: { status: string } }>(query, { id })).attachment.status;
}

/** The status once it is another than PENDING. */
async function verdictOf(service: TestService, id: string): Promise<string> {
  for (let round = 0; round < 400; round += 1) {
    const status = await statusOf(service, id);
    if (status !== 'PENDING') return status;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('There was no verdict.');
}

const damages: Record<string, (path: string) => Promise<void>> = {
  'cut short': (path) => truncate(path, size - 512 * 1024),
  empty: (path) => truncate(path, 0),
  'longer by a byte': (path) => appendFile(path, 'x'),
  missing: (path) => rm(path),
};

describe('bytes that are not all there are never approved', () => {
  test.each(Object.entries(damages))('%s', async (_name, damage) => {
    const scanner = new GatedScanner();
    await using service = await startService({ ...allStored, SCAN_RETRY_SECONDS: '0,0' }, { scanner });
    // Others take all places at the scanner, so that this one is damaged before it is opened.
    scanner.shut();
    for (let index = 0; index < scansAtOnce; index += 1)
      await service.client.upload({ content: String(index) });
    await until(() => scanner.asked === scansAtOnce);
    const { id, documentKey } = await service.client.upload({ content: Buffer.alloc(size, 'x') });
    await damage(join(service.dataDirectory, 'files', documentKey));
    scanner.open();
    expect(await verdictOf(service, id)).toBe('SCAN_FAILED');
    const tries = service.logLines.filter((line) => line.includes('scan-blob'));
    expect(tries.length).toBeGreaterThanOrEqual(2);
  });

  test('cut short while they are read, whatever their size had been', async () => {
    const directory = await makeTemporaryDirectory();
    const storage = createLocalStorage(directory);
    const scanner = new GatedScanner();
    const cutting = overrideStorage(storage, {
      read: async (key: string) => {
        const content = await storage.read(key);
        await truncate(join(directory, key), size / 2);
        return content;
      },
    });
    await using service = await startService(
      { ...allStored, SCAN_RETRY_SECONDS: '0' },
      { scanner, storage: cutting },
    );
    const { id } = await service.client.upload({ content: Buffer.alloc(size, 'x') });
    // The first attempt meets it while reading, the next one before.
    expect(await verdictOf(service, id)).toBe('SCAN_FAILED');
    await rm(directory, { recursive: true, force: true });
  });

  test('nothing is said of a file that is deleted while its scan begins', async () => {
    const directory = await makeTemporaryDirectory();
    const storage = createLocalStorage(directory);
    let remove: (() => Promise<unknown>) | undefined;
    let looked = 0;
    const deleting = overrideStorage(storage, {
      size: async (key: string) => {
        await until(() => remove !== undefined);
        await remove?.();
        looked += 1;
        return await storage.size(key);
      },
    });
    const scanner = new GatedScanner();
    await using service = await startService(
      { ...allStored, SCAN_RETRY_SECONDS: '0,0' },
      { scanner, storage: deleting },
    );
    const { id, documentKey } = await service.client.upload({ content: Buffer.alloc(size, 'x') });
    const mutation =
      'mutation ($input: DeleteAttachmentInput!) { deleteAttachment(input: $input) { __typename } }';
    remove = async () => {
      await service.client.ask(mutation, { input: { attachmentId: id } });
      await until(async () => (await storage.size(documentKey)) === null);
    };
    await until(() => looked > 0);
    await pause(500);
    expect([looked, scanner.asked]).toEqual([1, 0]);
    expect(service.logLines.filter((line) => JSON.parse(line).level >= 40)).toEqual([]);
    await rm(directory, { recursive: true, force: true });
  });

  test('not even without a scanner, where they had come with one', async () => {
    const scanner = new GatedScanner();
    const dataDirectory = await makeTemporaryDirectory();
    const before = await startService({ ...allStored, DATA_DIR: dataDirectory }, { scanner });
    scanner.shut();
    const { id, documentKey } = await before.client.upload({ content: Buffer.alloc(size, 'x') });
    await truncate(join(dataDirectory, 'files', documentKey), size - 1);
    const closing = before.close();
    scanner.open();
    await closing;
    const env = { DATA_DIR: dataDirectory, BOOTSTRAP_API_KEY: before.key, SCAN_RETRY_SECONDS: '0' };
    await using after = await startService(env);
    expect(await verdictOf(after, id)).toBe('SCAN_FAILED');
    await rm(dataDirectory, { recursive: true, force: true });
  });
});
