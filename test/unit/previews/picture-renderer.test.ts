import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { PictureRenderer, type PictureRendererOptions } from '../../../src/previews/picture-renderer.js';
import type { PreviewVariant } from '../../../src/previews/preview.js';
import {
  gif,
  hugeSvg,
  png,
  svgOfEntities,
  svgOfFilters,
  svgOfReferences,
  svgOfUses,
  tiffBomb,
} from '../../support/hostile-pictures.js';

const owner = { organizationId: 'a', principalId: 'b' };
const small: PreviewVariant = { size: 64, fit: 'INSIDE', format: 'WEBP' };
const large: PreviewVariant = { ...small, size: 2048 };

const renderers: PictureRenderer[] = [];
const create = (options: PictureRendererOptions = {}) => {
  const renderer = new PictureRenderer(options);
  renderers.push(renderer);
  return renderer;
};
let shared: PictureRenderer;
let directory: string;
beforeAll(async () => {
  shared = new PictureRenderer({ limits: { milliseconds: 1_000 } });
  directory = await mkdtemp(join(tmpdir(), 'claimcheck-'));
});
afterEach(() => Promise.all(renderers.splice(0).map((renderer) => renderer.close())));
afterAll(async () => {
  await shared.close();
  await rm(directory, { recursive: true, force: true });
});

const streamOf = (content: Uint8Array) => ({
  bytes: content.byteLength,
  stream: Readable.from([content], { objectMode: false }),
});
const render = (
  renderer: PictureRenderer,
  contentType: string,
  content: Uint8Array,
  variant: PreviewVariant | null = small,
) => renderer.render(owner, { contentType, variant }, async () => streamOf(content));

const expectHealthy = async (renderer: PictureRenderer) =>
  expect(await render(renderer, 'image/png', png(10, 20))).toMatchObject({ width: 10, height: 20 });

describe('hostile pictures are refused, and the next picture is decoded', () => {
  const cases: [name: string, type: string, content: () => Uint8Array, fault: 'broken' | 'too_costly'][] = [
    ['a PNG of 3.6 billion pixels', 'image/png', () => png(60_000, 60_000, false, 1_000), 'too_costly'],
    ['a PNG that is cut off', 'image/png', () => png(500, 500).subarray(0, 60), 'broken'],
    ['a TIFF of 10 billion pixels', 'image/tiff', () => tiffBomb(100_000, 100_000), 'too_costly'],
    ['a TIFF whose strip is nowhere', 'image/tiff', () => tiffBomb(1_000, 1_000), 'broken'],
    ['an SVG of a billion entities', 'image/svg+xml', svgOfEntities, 'broken'],
    ['an SVG of 10^12 pixels', 'image/svg+xml', hugeSvg, 'too_costly'],
    ['an SVG of a billion uses', 'image/svg+xml', () => svgOfUses(30), 'too_costly'],
    ['an SVG of slow filters', 'image/svg+xml', svgOfFilters, 'too_costly'],
    ['a PNG that is called a JPEG', 'image/jpeg', () => png(10, 10), 'broken'],
    ['a PDF that is none', 'application/pdf', () => Buffer.from('%PDF-1.7 nothing'), 'broken'],
  ];

  test.each(cases)('%s', async (_, type, content, fault) => {
    expect(await render(shared, type, content(), large)).toEqual({ fault });
    await expectHealthy(shared);
  });

  test('the first frame is taken of a GIF with 10,000 frames', async () => {
    const found = await render(shared, 'image/gif', gif(10_000));
    expect(found).toMatchObject({ width: 2, height: 2 });
    const body = 'body' in found ? found.body : Buffer.of();
    expect((await sharp(body).metadata()).pages).toBeUndefined();
    expect([...(await sharp(body).removeAlpha().raw().toBuffer())].every((value) => value > 250)).toBe(true);
  });

  test('an SVG reads no file and asks no address', async () => {
    const asked: string[] = [];
    const server = createServer(({ url }, response) => {
      asked.push(url ?? '');
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const file = join(directory, 'secret.png');
    await writeFile(file, png(100, 100));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const found = await render(shared, 'image/svg+xml', svgOfReferences(file, `http://127.0.0.1:${port}`));
    server.close();
    expect(asked).toEqual([]);
    const body = 'body' in found ? found.body : Buffer.of();
    expect(new Set(await sharp(body).ensureAlpha().extractChannel('alpha').raw().toBuffer())).toEqual(
      new Set([0]),
    );
  });
});

describe('the process of pictures', () => {
  /** The real one, but it does `harm` when it meets a text that begins with an exclamation mark. */
  async function writeFragileWorker(harm: string): Promise<URL> {
    const real = new URL('../../../src/previews/', import.meta.url).href;
    const file = join(directory, `fragile-${harm.length}.mjs`);
    await writeFile(
      file,
      `import { frameHead, readFrames } from '${real}preview.js';
       const answer = (header) => process.stdout.write(frameHead(header, 0));
       answer({ isReady: true });
       for await (const { body } of readFrames(process.stdin, 1e9)) {
         if (body[0] === 33) { ${harm} }
         answer({ width: body.length, height: 1 });
       }`,
    );
    return pathToFileURL(file);
  }
  const bad = Buffer.from('!');
  const good = Buffer.from('good');
  const expectAlive = async (renderer: PictureRenderer) =>
    expect(await render(renderer, 'image/png', good)).toMatchObject({ width: 4 });

  test.each([
    ['for (;;);', { milliseconds: 300 }],
    ['const all = []; for (;;) all.push(Buffer.alloc(1e7, 1));', { memory: 200_000_000 }],
  ])('is ended by %s, and the next picture gets a new one', async (harm, limits) => {
    const renderer = create({ workerFile: await writeFragileWorker(harm), limits });
    expect(await render(renderer, 'image/png', bad)).toEqual({ fault: 'too_costly' });
    await expectAlive(renderer);
  });

  test.each(['process.exit(3)', "process.kill(process.pid, 'SIGSEGV')", "throw new Error('broken')"])(
    'that breaks by %s is the fault of the picture, once it has done so twice',
    async (harm) => {
      const renderer = create({ workerFile: await writeFragileWorker(harm) });
      let opened = 0;
      const found = await renderer.render(owner, { contentType: 'image/png', variant: null }, async () => {
        opened += 1;
        return streamOf(bad);
      });
      expect([found, opened]).toEqual([{ fault: 'broken' }, 2]);
      await expectAlive(renderer);
    },
  );

  test('that answers nonsense, or cannot start, is a fault of the service', async () => {
    const nonsense = create({
      workerFile: await writeFragileWorker("process.stdout.write('what is this? nothing at all')"),
    });
    await expect(render(nonsense, 'image/png', bad)).rejects.toMatchObject({ code: 'INTERNAL_SERVER_ERROR' });
    await expectAlive(nonsense);
    const missing = create({ workerFile: pathToFileURL(join(directory, 'missing.mjs')) });
    await expect(render(missing, 'image/png', good)).rejects.toMatchObject({ code: 'INTERNAL_SERVER_ERROR' });
  });

  test('knows none of the settings', async () => {
    process.env['CLAIMCHECK_TEST_SECRET'] = 'secret';
    const workerFile = await writeFragileWorker(
      'answer({ width: 1 + Object.keys(process.env).length, height: 1 }); continue;',
    );
    expect(await render(create({ workerFile }), 'image/png', bad)).toMatchObject({ width: 1 });
  });

  test('starts with the first picture, and ends when there are none', async () => {
    const renderer = create({ workerFile: await writeFragileWorker(''), idleMs: 1 });
    expect(renderer.isRunning).toBe(false);
    await expectAlive(renderer);
    while (renderer.isRunning) await new Promise(setImmediate);
    await expectAlive(renderer);
  });

  test('gets no half of a picture whose bytes break off', async () => {
    const renderer = create({ workerFile: await writeFragileWorker('') });
    const open = async () => ({ bytes: 100, stream: Readable.from([good], { objectMode: false }) });
    const task = { contentType: 'image/png', variant: null };
    await expect(renderer.render(owner, task, open)).rejects.toMatchObject({ code: 'INTERNAL_SERVER_ERROR' });
    await expectAlive(renderer);
  });

  test('refuses an organization whose pictures fill its part of the queue, and no other one', async () => {
    const renderer = create({ workerFile: await writeFragileWorker(''), capacityOfOrganization: 3 });
    const many = Promise.allSettled(Array.from({ length: 6 }, () => render(renderer, 'image/png', good)));
    const other = { organizationId: 'other', principalId: 'c' };
    const task = { contentType: 'image/png', variant: null };
    expect(await renderer.render(other, task, async () => streamOf(good))).toMatchObject({ width: 4 });
    const refused = (await many).filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(2);
    expect(refused[0]).toMatchObject({ reason: { code: 'RATE_LIMITED', limit: 3, retryAfterSeconds: 10 } });
  });

  test('refuses a picture that waits too long behind costly ones, and goes on', async () => {
    const workerFile = await writeFragileWorker('for (;;);');
    const renderer = create({ workerFile, patienceMs: 1, limits: { milliseconds: 300 } });
    const outcomes = await Promise.allSettled(
      [bad, good].map((content) => render(renderer, 'image/png', content)),
    );
    expect(outcomes).toMatchObject([
      { value: { fault: 'too_costly' } },
      { reason: { code: 'RATE_LIMITED' } },
    ]);
    await expectAlive(renderer);
  });

  test('fails what waits when it is closed, and what comes later', async () => {
    const renderer = create({ workerFile: await writeFragileWorker('for (;;);') });
    const waiting = Promise.allSettled([bad, good].map((content) => render(renderer, 'image/png', content)));
    await renderer.close();
    expect((await waiting).filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
    await expect(render(renderer, 'image/png', good)).rejects.toMatchObject({
      code: 'INTERNAL_SERVER_ERROR',
    });
  });
});
