import type { DecodedPicture } from '../../../src/previews/picture-process.js';
import { PictureRenderer } from '../../../src/previews/picture-renderer.js';
import { correctUsage, foldUsage, recountUsage } from '../../../src/quotas/usage.js';
import type { Client } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';
import { openTestDatabase, queryTestDatabase } from '../../support/test-database.js';
import { codeOf, newTarget, newTenant, remove, usageOf } from '../quotas/quota-stage.js';

const previewSize = 3_000;
const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"/>'.padEnd(331));

/** Makes every preview 3,000 bytes long, but for those that a test has a fault for. */
class EvenRenderer extends PictureRenderer {
  faultOf: (size: number) => 'broken' | 'too_costly' | null = () => null;
  rendered = 0;

  override async render(...[, { variant }]: Parameters<PictureRenderer['render']>): Promise<DecodedPicture> {
    this.rendered += 1;
    const fault = this.faultOf(variant?.size ?? 0);
    if (fault) return { fault };
    return { width: 30, height: 20, body: Buffer.alloc(variant ? previewSize : 0, 'p') };
  }
}

const pictures = new EvenRenderer();
let now = Date.now();
let service: TestService;
beforeAll(async () => {
  service = await startService({ GRACE_PERIOD_MINUTES: '525600' }, { pictures, clock: () => new Date(now) });
});
beforeEach(() => {
  pictures.rendered = 0;
  pictures.faultOf = () => null;
});
afterAll(() => service.close());

const variants = [64, 128, 256, 512, 1024, 2048].flatMap((size) =>
  ['COVER', 'INSIDE'].flatMap((fit) => ['AVIF', 'JPEG', 'WEBP'].map((format) => ({ size, fit, format }))),
);

type Variant = (typeof variants)[number];

const uploadPicture = (client: Client) => client.upload({ content: Uint8Array.from(svg), name: 'a.svg' });

/** Fetches a preview, a millisecond after the one before. */
async function fetchPreview(client: Client, id: string, { size, fit, format }: Variant): Promise<Response> {
  now += 1;
  const { attachment } = await client.ask<{ attachment: { preview: string } }>(
    `query ($id: ID!) { attachment(id: $id) { preview(size: ${size}, fit: ${fit}, format: ${format}) } }`,
    { id },
  );
  return fetch(attachment.preview);
}

async function fetchAll(client: Client, id: string): Promise<void> {
  for (const variant of variants) {
    const answer = await fetchPreview(client, id, variant);
    expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, previewSize]);
  }
}

const kept = async (organizationId: string): Promise<string[]> =>
  (
    await queryTestDatabase<{ variant: string }>(
      service.dataDirectory,
      `SELECT variant FROM previews WHERE organization_id = '${organizationId}' AND size > 0 ORDER BY made_at`,
    )
  ).map(({ variant }) => variant);

const newest = (count: number) =>
  variants.slice(-count).map(({ size, fit, format }) => `${size}-${fit}.${format}`.toLowerCase());

describe('previews', () => {
  test('are all kept without a quota, are no part of the usage, and are counted', async () => {
    const client = await newTenant(service, {});
    const { id } = await uploadPicture(client);
    await fetchAll(client, id);
    expect(await kept(client.organizationId)).toEqual(newest(36));
    expect((await usageOf(client)).bytes).toBe(331);
    const database = await openTestDatabase(service.dataDirectory);
    const counted = async () => {
      const found = (await recountUsage(database.read)).find(
        ({ organizationId }) => organizationId === client.organizationId,
      );
      return [found?.counted, found?.actual];
    };
    const all = { bytes: 331, attachments: 1, previews: 36 * previewSize };
    expect(await counted()).toEqual([all, all]);
    await foldUsage(database);
    expect(await counted()).toEqual([all, all]);
    await remove(client, id);
    const none = { bytes: 0, attachments: 0, previews: 0 };
    expect(await counted()).toEqual([none, none]);
    await database.write((manager) =>
      manager.query(`INSERT INTO usage_changes VALUES ('${client.organizationId}', 0, 0, 5)`),
    );
    expect(await counted()).toEqual([{ ...none, previews: 5 }, none]);
    await database.write((manager) => correctUsage(manager));
    expect(await counted()).toEqual([none, none]);
    await database.close();
  });

  test('take what a quota leaves, the newest of them, and give way to content to the byte', async () => {
    const client = await newTenant(service, { bytes: 10_000 });
    const { id } = await uploadPicture(client);
    await fetchAll(client, id);
    expect(await kept(client.organizationId)).toEqual(newest(3));
    await client.upload({ content: Buffer.alloc(669), name: 'a.bin' });
    expect(await kept(client.organizationId)).toEqual(newest(3));
    await client.upload({ content: Buffer.alloc(1), name: 'b.bin' });
    expect(await kept(client.organizationId)).toEqual(newest(2));
    await newTarget(client, 4_000);
    expect(await kept(client.organizationId)).toEqual(newest(1));
    await client.upload({ content: Buffer.alloc(4_999), name: 'c.bin' });
    expect(await kept(client.organizationId)).toEqual([]);
    expect(codeOf(await client.tryUpload({ content: Buffer.alloc(1), name: 'd.bin' }))).toBe(
      'QUOTA_EXCEEDED',
    );
    expect((await usageOf(client)).bytes).toBe(6_000);
  });

  test('for which a quota has no room are made each time', async () => {
    const client = await newTenant(service, { bytes: 1_000 });
    const { id } = await uploadPicture(client);
    const [variant] = variants;
    for (let time = 1; variant && time <= 2; time += 1) {
      expect((await fetchPreview(client, id, variant)).status).toBe(200);
      expect(pictures.rendered).toBe(time);
    }
    expect(await kept(client.organizationId)).toEqual([]);
  });
});

describe('a picture', () => {
  const large: Variant = { size: 2048, fit: 'INSIDE', format: 'WEBP' };
  const small: Variant = { ...large, size: 64 };

  const statusOf = async (client: Client, id: string, variant: Variant) => {
    const { status } = await fetchPreview(client, id, variant);
    return [status, pictures.rendered];
  };

  test('one of whose variants costs too much has the others, and that one is tried again after a day', async () => {
    const client = await newTenant(service, { bytes: 10_000 });
    const { id } = await uploadPicture(client);
    pictures.faultOf = (size) => (size === 2048 ? 'too_costly' : null);
    expect(await statusOf(client, id, large)).toEqual([422, 1]);
    expect(await statusOf(client, id, small)).toEqual([200, 2]);
    expect(await statusOf(client, id, large)).toEqual([422, 2]);
    now += 86_400_000;
    pictures.faultOf = () => null;
    expect(await statusOf(client, id, large)).toEqual([200, 3]);
    expect(await statusOf(client, id, large)).toEqual([200, 3]);
    expect(await statusOf(client, id, small)).toEqual([200, 3]);
  });

  test('that is broken has none for a day', async () => {
    const client = await newTenant(service, { bytes: 10_000 });
    const { id } = await uploadPicture(client);
    pictures.faultOf = () => 'broken';
    expect(await statusOf(client, id, large)).toEqual([422, 1]);
    expect(await statusOf(client, id, small)).toEqual([422, 1]);
    now += 86_400_000;
    expect(await statusOf(client, id, small)).toEqual([422, 2]);
  });
});
