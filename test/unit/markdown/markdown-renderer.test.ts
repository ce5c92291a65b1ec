import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MarkdownRenderer, type MarkdownRendererOptions } from '../../../src/markdown/markdown-renderer.js';

const owner = { organizationId: 'a', principalId: 'b' };
const slow = '*_'.repeat(5_000);

describe('the rendering thread', () => {
  let directory: string;
  const renderers: MarkdownRenderer[] = [];
  const create = (options: MarkdownRendererOptions = {}) => {
    const renderer = new MarkdownRenderer(options);
    renderers.push(renderer);
    return renderer;
  };
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'claimcheck-'));
  });
  afterEach(() => Promise.all(renderers.splice(0).map((renderer) => renderer.close())));
  afterAll(() => rm(directory, { recursive: true, force: true }));

  /** The real thread, but it does `harm` when it meets a text that begins with an exclamation mark. */
  async function writeFragileWorker(harm: string): Promise<URL> {
    const real = new URL('../../../src/markdown/markdown-worker.js', import.meta.url);
    const file = join(directory, `fragile-${renderers.length}-${harm.length}.mjs`);
    await writeFile(
      file,
      `import { parentPort } from 'node:worker_threads';
       const on = parentPort.on.bind(parentPort);
       parentPort.on = (event, listener) => on(event, (text) => {
         if (text.startsWith('!')) { ${harm} }
         listener(text);
       });
       await import(${JSON.stringify(real.href)});`,
    );
    return pathToFileURL(file);
  }

  const expectHealthy = async (renderer: MarkdownRenderer) =>
    expect(await renderer.render(owner, '*a*')).toEqual({ html: '<p><em>a</em></p>' });

  test('is ended when a text takes too long, and the next text gets a new one', async () => {
    const renderer = create({ limitMs: 200 });
    expect(await renderer.render(owner, slow)).toEqual({ fault: 'too_costly' });
    await expectHealthy(renderer);
    const workerFile = await writeFragileWorker('for (;;);');
    const endless = create({ workerFile, limitMs: 200 });
    expect(await endless.render(owner, '!')).toEqual({ fault: 'too_costly' });
    await expectHealthy(endless);
  });

  test('refuses a text that takes all its memory, and the process lives on', async () => {
    const workerFile = await writeFragileWorker(
      'const all = []; for (;;) all.push(new Array(1e5).fill(1.5));',
    );
    const renderer = create({ workerFile, limitMs: 20_000 });
    expect(await renderer.render(owner, '!')).toEqual({ fault: 'too_costly' });
    await expectHealthy(renderer);
  });

  test.each(["throw new Error('broken')", 'process.exit(3)'])(
    'that breaks by %s is a fault of the service',
    async (harm) => {
      const renderer = create({ workerFile: await writeFragileWorker(harm) });
      await expect(renderer.render(owner, '!')).rejects.toMatchObject({ code: 'INTERNAL_SERVER_ERROR' });
      await expectHealthy(renderer);
    },
  );

  test('that cannot start is a fault of the service, each time', async () => {
    const renderer = create({ workerFile: pathToFileURL(join(directory, 'missing.mjs')) });
    for (let round = 0; round < 2; round += 1)
      await expect(renderer.render(owner, 'a')).rejects.toMatchObject({ code: 'INTERNAL_SERVER_ERROR' });
  });

  test('knows none of the settings', async () => {
    process.env['CLAIMCHECK_TEST_SECRET'] = 'secret';
    const workerFile = await writeFragileWorker('text = JSON.stringify(process.env);');
    const rendering = await create({ workerFile }).render(owner, '!');
    expect(rendering).toEqual({ html: '<p>{}</p>' });
  });

  test('fails what waits when it is closed, and what comes later', async () => {
    const renderer = create();
    const waiting = Promise.allSettled(Array.from({ length: 5 }, () => renderer.render(owner, slow)));
    await renderer.close();
    expect((await waiting).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    await expect(renderer.render(owner, 'a')).rejects.toMatchObject({ code: 'INTERNAL_SERVER_ERROR' });
  });

  test('refuses a text that waits too long behind costly ones, and goes on', async () => {
    const renderer = create({ limitMs: 200, patienceMs: 1 });
    const texts = [slow, 'a', 'b'];
    const outcomes = await Promise.allSettled(texts.map((text) => renderer.render(owner, text)));
    const refused = { status: 'rejected', reason: { code: 'RATE_LIMITED', retryAfterSeconds: 10 } };
    expect(outcomes).toMatchObject([{ value: { fault: 'too_costly' } }, refused, refused]);
    await expectHealthy(renderer);
  });

  test('refuses those who have most waiting once the queue is full', async () => {
    const renderer = create({ limitMs: 200 });
    const many = Array.from({ length: 1_010 }, () => renderer.render(owner, 'a'));
    const outcomes = Promise.allSettled(many);
    expect(await renderer.render({ organizationId: 'other', principalId: 'c' }, 'b')).toEqual({
      html: '<p>b</p>',
    });
    const refused = (await outcomes).filter(({ status }) => status === 'rejected');
    // One is being rendered, and one has made room for the other organization's.
    expect(refused).toHaveLength(1_010 - 1 - 1_000 + 1);
    for (const outcome of refused) {
      expect(outcome).toMatchObject({
        reason: { code: 'RATE_LIMITED', limit: 1_000, details: [{ loc: ['input', 'description'] }] },
      });
    }
  });
});
