import sharp from 'sharp';
import { PictureRenderer } from '../../../src/previews/picture-renderer.js';
import type { FileToUpload } from '../../support/client.js';
import { gif, png, tiffBomb } from '../../support/hostile-pictures.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { queryTestDatabase } from '../../support/test-database.js';
import { GatedScanner } from '../verdicts/gated-scanner.js';

/** Counts what is decoded. */
class CountingRenderer extends PictureRenderer {
  rendered: string[] = [];

  override render(...[owner, task, open]: Parameters<PictureRenderer['render']>) {
    this.rendered.push(`${task.contentType} ${task.variant?.size ?? 'size'}`);
    return super.render(owner, task, open);
  }
}

const scanner = new GatedScanner();
const pictures = new CountingRenderer();
const statements = new StatementCounter();
let now = Date.parse('2026-03-04T05:06:07Z');
const secrets = { old: 'the-old-secret-of-ours', new: 'the-new-secret-of-ours' };
let service: TestService;
beforeAll(async () => {
  const parts = { clock: () => new Date(now), scanner, pictures, statementLogger: statements };
  service = await startService({ SIGNING_SECRET: secrets.old }, parts);
});
afterEach(() => {
  pictures.rendered = [];
});
afterAll(() => service.close());

interface Shown {
  id: string;
  status: string;
  image: { width: number; height: number } | null;
  preview: string | null;
}

const show = async (id: string, args = '', client = service.client) =>
  (
    await client.ask<{ attachment: Shown }>(
      `query ($id: ID!) { attachment(id: $id) { id status image { width height } preview${args} } }`,
      { id },
    )
  ).attachment;

/** Uploads a file and waits for its verdict. */
async function upload(file: FileToUpload, args = ''): Promise<Shown> {
  const { id } = await service.client.upload(file);
  for (;;) {
    const { attachment } = await service.client.ask<{ attachment: Pick<Shown, 'status'> }>(
      'query ($id: ID!) { attachment(id: $id) { status } }',
      { id },
    );
    if (attachment.status !== 'PENDING') return show(id, args);
  }
}

const fetchPreview = async ({ preview }: Shown, init: RequestInit = {}) => fetch(preview ?? '', init);
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());
const codeOf = async (answer: Response) => {
  const { errors } = (await answer.json()) as {
    errors: { extensions: { code: string; details: { type: string }[]; limit?: number } }[];
  };
  const [error] = errors;
  return [answer.status, error?.extensions.code, error?.extensions.details[0]?.type];
};

/** Upright it is 40 wide and 80 high; it was taken lying, at a place, by a camera. */
const photo = () =>
  sharp({ create: { width: 80, height: 40, channels: 3, background: '#f00' } })
    .jpeg()
    .withExif({
      IFD0: { Orientation: '6', Make: 'a camera' },
      IFD3: { GPSLatitude: '52/1 30/1 0/1', GPSLatitudeRef: 'N' },
    })
    .withMetadata({ orientation: 6 })
    .toBuffer();

const formats: [name: string, content: () => Promise<Uint8Array>, size: [number, number]][] = [
  ['photo.jpg', photo, [40, 80]],
  ['a.png', async () => png(300, 100), [300, 100]],
  ['a.gif', async () => gif(3), [2, 2]],
  ...(['webp', 'avif', 'tiff'] as const).map(
    (format): [string, () => Promise<Uint8Array>, [number, number]] => [
      `a.${format}`,
      () => sharp(png(300, 100)).toFormat(format).toBuffer(),
      [300, 100],
    ],
  ),
  [
    'a.svg',
    async () =>
      Buffer.from(
        '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><path d="M0 0h9v9z"/></svg>',
      ),
    [30, 20],
  ],
];

const pdf = Buffer.from(`%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<<>>>>endobj
4 0 obj<</Length 34>>stream
1 0 0 rg 0 0 150 200 re f
endstream endobj
trailer<</Root 1 0 R>>
%%EOF`);

const content = (bytes: Uint8Array) => Uint8Array.from(bytes);

describe('pictures have a size and previews', () => {
  test.each(formats)('%s', async (name, make, [width, height]) => {
    const shown = await upload({ content: content(await make()), name });
    expect(shown.image).toEqual({ width, height });
    const answer = await fetchPreview(shown);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/webp']);
    const found = await sharp(await bytesOf(answer)).metadata();
    const scale = Math.min(1, 256 / Math.max(width, height));
    expect([found.format, found.width, found.height]).toEqual([
      'webp',
      Math.round(width * scale),
      Math.round(height * scale),
    ]);
  });

  test('the first page of a PDF is drawn', async () => {
    const shown = await upload({ content: content(pdf), name: 'a.pdf' }, '(size: 512, format: JPEG)');
    expect(shown.image).toBeNull();
    const small = sharp(await bytesOf(await fetchPreview(shown)));
    expect(await small.metadata()).toMatchObject({ format: 'jpeg', width: 512, height: 341 });
    const left = await small.extract({ left: 50, top: 50, width: 50, height: 50 }).stats();
    expect(left.dominant.r - left.dominant.g).toBeGreaterThan(200);
  });

  test('a PDF whose page is smaller than a point is drawn, too', async () => {
    const tiny = Buffer.from(String(pdf).replace('300 200', '0.4 0.3'));
    const answer = await fetchPreview(await upload({ content: content(tiny), name: 'tiny.pdf' }));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/webp']);
  });

  test('each size, fit and format', async () => {
    const shown = await upload({ content: content(png(3_000, 1_500)), name: 'large.png' });
    for (const size of [64, 128, 256, 512, 1024, 2048]) {
      const inside = await show(shown.id, `(size: ${size}, format: JPEG)`);
      expect(await sharp(await bytesOf(await fetchPreview(inside))).metadata()).toMatchObject({
        format: 'jpeg',
        width: size,
        height: size / 2,
      });
    }
    const avif = await bytesOf(
      await fetchPreview(await show(shown.id, '(size: 64, format: AVIF, fit: COVER)')),
    );
    expect(await sharp(avif).metadata()).toMatchObject({ format: 'heif', width: 64, height: 64 });
  });

  test('a smaller picture is not enlarged, but it fills the square where that is asked for', async () => {
    const { id } = await upload({ content: content(png(30, 10)), name: 'small.png' });
    const [inside, cover] = [await show(id), await show(id, '(fit: COVER)')];
    const sizeOf = async (shown: Shown) => {
      const { width, height } = await sharp(await bytesOf(await fetchPreview(shown))).metadata();
      return [width, height];
    };
    expect([await sizeOf(inside), await sizeOf(cover)]).toEqual([
      [30, 10],
      [256, 256],
    ]);
  });

  test('no place, camera or other metadata leaves in a preview', async () => {
    const source = await photo();
    const { exif } = await sharp(source).metadata();
    expect(String(exif)).toContain('a camera');
    for (const format of ['WEBP', 'JPEG', 'AVIF']) {
      const shown = await upload({ content: content(source), name: 'a.jpg' }, `(format: ${format})`);
      const found = await sharp(await bytesOf(await fetchPreview(shown))).metadata();
      expect([found.exif, found.xmp, found.iptc, found.orientation]).toEqual(Array(4).fill(undefined));
      expect([found.width, found.height]).toEqual([40, 80]);
    }
  });
});

describe('there is none', () => {
  test('for other content', async () => {
    const shown = await upload({ content: 'text', name: 'a.txt' });
    expect(shown).toMatchObject({ status: 'APPROVED', image: null, preview: null });
  });

  test('while the content has no verdict, and if it is rejected', async () => {
    scanner.shut();
    const { id } = await service.client.upload({ content: content(png(9, 9)), name: 'a.png' });
    expect(await show(id)).toMatchObject({ status: 'PENDING', image: null, preview: null });
    scanner.outcome = { outcome: 'infected', signature: 'x' };
    scanner.open();
    let shown = await show(id);
    while (shown.status === 'PENDING') shown = await show(id);
    scanner.outcome = null;
    expect(shown).toMatchObject({ status: 'REJECTED', image: null, preview: null });
    expect(pictures.rendered).toEqual([]);
  });

  test.each([0, 63, 100, 4096, -1])('for size %s', async (size) => {
    const { id } = await service.client.upload({ content: content(png(9, 9)), name: 'a.png' });
    const { errors } = await service.client.graphql(
      'query ($id: ID!, $size: Int!) { attachment(id: $id) { preview(size: $size) } }',
      { id, size },
    );
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      limit: 2048,
      details: [{ loc: ['size'], type: 'out_of_range' }],
    });
  });

  test.each([
    ['broken', png(500, 500).subarray(0, 60), 'picture_broken'],
    ['too costly', tiffBomb(100_000, 100_000), 'picture_too_costly'],
  ])('for a picture that is %s: a typed error, remembered for a day', async (_, bytes, type) => {
    const shown = await upload({ content: content(bytes), name: `a.${bytes[0] === 0x49 ? 'tif' : 'png'}` });
    expect(shown.status).toBe('APPROVED');
    for (let round = 0; round < 3; round += 1)
      expect(await codeOf(await fetchPreview(shown))).toEqual([422, 'BAD_USER_INPUT', type]);
    const before = pictures.rendered.length;
    now += 24 * 60 * 60 * 1_000;
    const later = await show(shown.id, '(size: 128)');
    expect(await codeOf(await fetchPreview(later))).toEqual([422, 'BAD_USER_INPUT', type]);
    expect(pictures.rendered.length).toBeGreaterThan(before);
  });
});

describe('a preview is made once', () => {
  test('whoever asks for it, at once and later; and nothing is decoded for its URL', async () => {
    const { id } = await service.client.upload({ content: content(png(90, 90)), name: 'a.png' });
    const args = '(size: 128)';
    const ask = () =>
      service.client.ask<{ attachment: Shown }>(
        `query ($id: ID!) { attachment(id: $id) { preview${args} } }`,
        { id },
      );
    let { attachment } = await ask();
    while (attachment.preview === null) ({ attachment } = await ask());
    expect(pictures.rendered).toEqual([]);
    const answers = await Promise.all(Array.from({ length: 8 }, () => fetchPreview(attachment)));
    const bodies = await Promise.all(answers.map(bytesOf));
    expect(new Set(bodies.map(String)).size).toBe(1);
    expect((await bytesOf(await fetchPreview(attachment))).equals(bodies[0] ?? Buffer.of())).toBe(true);
    expect(pictures.rendered).toEqual(['image/png 128']);
    expect(await show(id)).toMatchObject({ image: { width: 90, height: 90 } });
    expect(pictures.rendered).toEqual(['image/png 128']);
  });

  test('the sizes of a page are read by one statement, once they are known', async () => {
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        upload({ content: content(png(10, index + 1)), name: 'a.png' }),
      ),
    );
    const list = () =>
      service.client.ask(
        '{ attachments(first: 50, filter: { contentType: "image/*" }) { nodes { image { width } } } }',
      );
    await list();
    const made = await statements.during(list);
    expect(made.filter((sql) => sql.includes('pictures'))).toHaveLength(1);
  });

  test('it goes with the last attachment of its content', async () => {
    const shown = await upload({ content: content(png(77, 7)), name: 'a.png' });
    await fetchPreview(shown);
    const kept = async () => {
      const rows = await queryTestDatabase<{ n: number }>(
        service.dataDirectory,
        `SELECT count(*) AS n FROM previews JOIN pictures USING (blob_id) WHERE width = 77`,
      );
      return Number(rows[0]?.n);
    };
    expect(await kept()).toBe(1);
    await service.client.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
      { id: shown.id },
    );
    expect(await kept()).toBe(0);
    expect((await fetchPreview(shown)).status).toBe(404);
  });
});

describe('its URL', () => {
  let shown: Shown;
  let other: Shown;
  const url = () => shown.preview ?? '';
  beforeAll(async () => {
    shown = await upload({ content: content(png(50, 50)), name: 'a.png' });
    other = await upload({ content: content(png(60, 60)), name: 'b.png' });
  });
  const change = (parameter: string, value: string) => {
    const changed = new URL(url());
    changed.searchParams.set(parameter, value);
    return changed.href;
  };
  const parameterOf = (text: string | null, name: string) => new URL(text ?? '').searchParams.get(name) ?? '';

  const alterations: [string, () => string][] = [
    ['another id', () => url().replace(shown.id, other.id)],
    ['another variant', () => url().replace('256-inside', '512-inside')],
    ['an unknown variant', () => url().replace('256-inside', '257-inside')],
    ['other content', () => change('content', parameterOf(other.preview, 'content'))],
    ['a later end', () => change('expires', String(Number(parameterOf(url(), 'expires')) + 1))],
    ['another parameter', () => `${url()}&size=64`],
    ['the signature of another', () => change('signature', parameterOf(other.preview, 'signature'))],
    ['no signature', () => url().replace(/&signature=.*/, '')],
    ['a signature twice', () => `${url()}&signature=${parameterOf(url(), 'signature')}`],
  ];

  test.each(alterations)('with %s: 403, to GET and HEAD, and not to be stored', async (_, alter) => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(alter(), { method, headers: service.client.headers });
      expect([method, answer.status, answer.headers.get('cache-control')]).toEqual([method, 403, 'no-store']);
    }
  });

  test('is the same within a window, and may be kept until it ends', async () => {
    expect((await show(shown.id)).preview).toBe(url());
    expect((await show(shown.id, '(expiresIn: 7200)')).preview).not.toBe(url());
    const answer = await fetch(url());
    const end = Number(parameterOf(url(), 'expires'));
    expect(answer.headers.get('cache-control')).toBe(
      `private, max-age=${Math.floor(end - now / 1_000)}, immutable`,
    );
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    const etag = answer.headers.get('etag') ?? '';
    const again = await fetch(url(), { headers: { 'if-none-match': etag, 'cache-control': 'max-age=0' } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    for (const match of ['"other"', etag]) {
      const other = await fetch(url(), { headers: { 'if-match': match } });
      expect([other.status, await other.text()]).toEqual([
        412,
        expect.stringContaining('precondition_failed'),
      ]);
    }
    const head = await fetch(url(), { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      String((await bytesOf(answer)).byteLength),
      '',
    ]);
  });

  test('ends to the millisecond', async () => {
    const start = now;
    const end = Number(parameterOf(url(), 'expires')) * 1_000;
    now = end - 1;
    expect((await fetch(url())).status).toBe(200);
    now = end;
    expect(await codeOf(await fetch(url()))).toEqual([403, 'FORBIDDEN', 'signature_expired']);
    now = start;
  });

  test('dies with the key that made it', async () => {
    const { createApiKey } = await service.client.ask<{
      createApiKey: { apiKey: { id: string }; secret: string };
    }>(
      'mutation { createApiKey(input: { name: "k", permissions: ["attachments:read", "attachments:write"] }) { apiKey { id } secret } }',
    );
    const { client } = service;
    const own = new (client.constructor as typeof import('../../support/client.js').Client)(
      client.url,
      createApiKey.secret,
    );
    const { id } = await own.upload({ content: content(png(12, 12)), name: 'a.png' });
    let made = await show(id, '', own);
    while (made.preview === null) made = await show(id, '', own);
    expect((await fetchPreview(made)).status).toBe(200);
    await client.ask('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { apiKey { id } } }', {
      id: createApiKey.apiKey.id,
    });
    expect(await codeOf(await fetchPreview(made))).toEqual([403, 'FORBIDDEN', 'signature_revoked']);
  });
});
