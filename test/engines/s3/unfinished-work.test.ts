import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { eicarString } from '../../../src/scanner/create-scanner.js';
import { hourPartition } from '../../../src/storage/document-key.js';
import { createS3Storage } from '../../../src/storage/s3.js';
import { cephPackages } from '../../support/ceph.js';
import type { AttachmentData } from '../../support/client.js';
import { runCommand } from '../../support/run-command.js';
import { createBucket, type S3Store, storageEnvironment } from '../../support/s3-store.js';
import { allStored, startService, type TestService } from '../../support/service.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { newKey } from '../../support/stored-objects.js';
import { type Fault, FaultyGateway } from './faulty-gateway.js';
import { Bucket } from './s3-stage.js';
import { bringToStore } from './store-upload.js';

const timeouts = { connection: 500, silence: 1_200 };
const faults: Fault[] = ['error 500', 'no answer', 'half the answer', 'answer lost'];
const documentKeyInput = (documentKey: string) => ({ input: { content: { documentKey } } });
const createMutation = `mutation ($input: CreateAttachmentInput!) {
  createAttachment(input: $input) { attachment { id size url } } }`;
const deleteMutation =
  'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }';

describeWithProgram('radosgw', cephPackages, () => {
  let store: S3Store;
  let bucket: Bucket;
  let gateway: FaultyGateway;
  let service: TestService;
  beforeAll(async () => {
    store = await sharedStore();
    bucket = new Bucket(await createBucket(store));
    await bucket.warmUp();
    gateway = new FaultyGateway(store.endpoint);
    const location = { ...bucket.location, endpoint: await gateway.open() };
    const settings = {
      ...allStored,
      ...storageEnvironment(location),
      SCANNER: 'eicar',
      SCAN_RETRY_SECONDS: '1,1,1,1,1,1,1,1',
    };
    service = await startService(settings, { storage: createS3Storage(location, timeouts) });
  }, 120_000);
  beforeEach(() => {
    gateway.faultOf = () => null;
  });
  afterAll(async () => {
    gateway.faultOf = () => null;
    await service?.close();
    gateway?.close();
    bucket?.client.destroy();
  });

  /** The commands of the service's own machine, which reach the store by the straight way. */
  const command = (...words: string[]) =>
    runCommand(words, { ...storageEnvironment(bucket.location), DATA_DIR: service.dataDirectory });
  const statusOf = async (id: string) =>
    (
      await service.client.ask<{ attachment: { status: string } }>(
        'query ($id: ID!) { attachment(id: $id) { status } }',
        { id },
      )
    ).attachment.status;
  const untilStatus = async (id: string, status: string) => {
    for (let left = 100; left > 0 && (await statusOf(id)) !== status; left -= 1) await sleep(100);
    expect(await statusOf(id)).toBe(status);
  };

  describe('bytes that a client has brought to the store', () => {
    const content = randomBytes(300_000);
    const bring = () => bringToStore(service.client, content);
    const create = (documentKey: string) =>
      service.client.graphql<{ createAttachment: { attachment: AttachmentData } }>(
        createMutation,
        documentKeyInput(documentKey),
      );
    const steps = ['HeadObject', 'CopyObject', 'GetObject'];

    describe.each(faults)('if the store gives: %s', (fault) => {
      test.each(steps)('at every %s, are kept, and an attachment can be made of them later', async (step) => {
        const documentKey = await bring();
        // The answer to HEAD has no body to be cut.
        gateway.faultOf = (operation) =>
          operation === step && !(step === 'HeadObject' && fault === 'half the answer') ? fault : null;
        const { errors } = await create(documentKey);
        if (step !== 'HeadObject' || fault !== 'half the answer') {
          expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['STORAGE_UNAVAILABLE']);
        }
        gateway.faultOf = () => null;
        const { data } = await create(documentKey);
        expect(data?.createAttachment.attachment.size).toBe(content.length);
      });
    });

    test('go with the sweep, by their age, where nobody asks for them', async () => {
      const documentKey = await bring();
      const incoming = `incoming/${documentKey}`;
      const storage = createS3Storage(bucket.location);
      const partition = documentKey.split('/').slice(0, 2).join('/');
      await storage.removeUnfinished(partition, 60_000);
      expect(await bucket.keys()).toContain(incoming);
      expect(await storage.removeUnfinished(partition, 0)).toBeGreaterThan(0);
      expect(await bucket.keys()).not.toContain(incoming);
      const { errors } = await create(documentKey);
      expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['UPLOAD_NOT_FINISHED']);
    });
  });

  test('a scan while the store is away comes to no verdict, and to the right one once it is back', async () => {
    gateway.faultOf = (operation) => (operation === 'GetObject' ? 'half the answer' : null);
    const clean = await service.client.upload({ content: randomBytes(3 * 2 ** 20) });
    const infected = await service.client.upload({ content: eicarString, name: 'eicar.txt' });
    await sleep(1_500);
    expect([await statusOf(clean.id), await statusOf(infected.id)]).toEqual(['PENDING', 'PENDING']);
    gateway.faultOf = () => null;
    await untilStatus(clean.id, 'APPROVED');
    await untilStatus(infected.id, 'REJECTED');
  });

  test('a sweep takes bytes that outlived their attachment, objects of age that no row names, and nobody else’s', async () => {
    const at = (key: string) => ({ Bucket: bucket.location.bucket, Key: key });
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
    const { prefix } = bucket.location;
    const { viewer } = await service.client.ask<{ viewer: { organizationId: string } }>(
      '{ viewer { organizationId } }',
    );
    const ours = viewer.organizationId;
    const [orphan, young] = [newKey(ours, hoursAgo(50)), newKey(ours, hoursAgo(2))];
    const strangers = [orphan, `${prefix}${hourPartition(hoursAgo(50))}/notes.txt`];
    for (const key of [`${prefix}${orphan}`, `${prefix}${young}`, ...strangers]) {
      await bucket.client.send(new PutObjectCommand({ ...at(key), Body: 'nobody’s' }));
    }
    const kept = await service.client.upload({ content: 'kept' });
    const deleted = await service.client.upload({ content: 'short-lived' });
    gateway.faultOf = (operation) => (operation === 'DeleteObject' ? 'error 500' : null);
    await service.client.ask(deleteMutation, { id: deleted.id });
    expect(await bucket.keys()).toContain(deleted.documentKey);
    const due = [
      `bytes ${deleted.documentKey}: its last attachment was deleted`,
      `bytes ${orphan}: no row names it`,
    ];
    expect((await command('sweep', '--dry-run')).lines).toEqual([...due, '2 would go.']);
    expect(await bucket.keys()).toEqual(expect.arrayContaining([deleted.documentKey, orphan]));
    expect(await command('sweep')).toMatchObject({ status: 0, lines: [...due, '2 have gone.'] });
    const keys = await bucket.keys();
    expect(keys).not.toContain(deleted.documentKey);
    expect(keys).not.toContain(orphan);
    expect(keys).toEqual(expect.arrayContaining([young, kept.documentKey]));
    for (const key of strangers) await bucket.client.send(new DeleteObjectCommand(at(key)));
  }, 180_000);

  test('a verification finds what is missing from the bucket', async () => {
    const { documentKey, id } = await service.client.upload({ content: 'to be lost' });
    const { bucket: Bucket, prefix } = bucket.location;
    await bucket.client.send(new DeleteObjectCommand({ Bucket, Key: `${prefix}${documentKey}` }));
    const { status, stdout } = await command('verify');
    expect([status, stdout.includes(documentKey)]).toEqual([1, true]);
    expect(stdout).toMatch(/ 1 missing, 0 damaged, /);
    await service.client.ask(deleteMutation, { id });
  });

  test('a client that names preconditions, or asks across origins, is not sent into a refusal', async () => {
    const content = randomBytes(100_000);
    const { id, url } = await service.client.upload({ content });
    await untilStatus(id, 'APPROVED');
    const { headers } = await fetch(url, { method: 'HEAD', headers: service.client.headers });
    const etag = headers.get('etag') ?? '';
    const date = headers.get('last-modified') ?? '';
    const range = 'bytes=10-19';
    for (const [condition, status] of [
      [{ 'if-match': etag }, 200],
      [{ 'if-unmodified-since': date }, 200],
      [{ 'if-none-match': '"another"' }, 200],
      [{ 'if-range': etag, range }, 206],
      [{ 'if-match': '"another"' }, 412],
      [{ 'if-none-match': etag }, 304],
    ] as const) {
      const response = await service.client.download(url, { 'cache-control': 'max-age=0', ...condition });
      expect([condition, response.status]).toEqual([condition, status]);
      await response.arrayBuffer();
    }
    const { attachment } = await service.client.ask<{ attachment: { downloadUrl: string } }>(
      'query ($id: ID!) { attachment(id: $id) { downloadUrl } }',
      { id },
    );
    const redirect = await fetch(attachment.downloadUrl, { redirect: 'manual' });
    expect([redirect.status, redirect.headers.get('cross-origin-resource-policy')]).toEqual([
      307,
      'cross-origin',
    ]);
  });

  test('a new service has nothing to sweep, and lists nothing', () => {
    expect(gateway.operations).not.toContain('List');
  });
});
