import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Client } from 'undici';
import { freePort } from '../../support/free-port.js';
import { startService, type TestService } from '../../support/service.js';

describe('the explorer', () => {
  let service: TestService;
  let client: Client;
  beforeAll(async () => {
    service = await startService({ CONSOLE: 'false' });
    client = new Client(service.url);
  });
  afterAll(async () => {
    await client.close();
    await service.close();
  });

  /** Asks for the path as it is written, and answers with the bytes as they are on the wire. */
  async function get(path: string, encoding?: string, method: 'GET' | 'HEAD' = 'GET') {
    const headers = encoding === undefined ? {} : { 'accept-encoding': encoding };
    const { statusCode, headers: answered, body } = await client.request({ path, method, headers });
    return { status: statusCode, headers: answered, bytes: Buffer.from(await body.arrayBuffer()) };
  }

  const filesOfPage = async () => {
    const { bytes } = await get('/explorer');
    return [...bytes.toString().matchAll(/(?:href|src)="(explorer\/[^"]+)"/g)].map(([, path]) => `/${path}`);
  };

  test('is a page that is asked for anew, and files that are kept for good', async () => {
    const { headers } = await get('/explorer');
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy': expect.stringContaining("default-src 'none'; script-src 'self'; "),
    });
    const paths = await filesOfPage();
    expect(paths).toEqual([
      expect.stringMatching(/^\/explorer\/main-[A-Z0-9]{8}\.css$/),
      expect.stringMatching(/^\/explorer\/main-[A-Z0-9]{8}\.js$/),
    ]);
    for (const path of paths) {
      const { status, headers } = await get(path);
      expect({ status, caching: headers['cache-control'] }).toEqual({
        status: 200,
        caching: 'public, max-age=31536000, immutable',
      });
    }
  });

  test.each([
    ['br', 'br'],
    ['gzip, deflate, br', 'br'],
    ['GZIP;q=0.5', 'gzip'],
    ['br;q=0, gzip;q=1', 'gzip'],
    ['br ; q=0.0', undefined],
    ['identity, *', undefined],
    ['bread, gzipped', undefined],
    [undefined, undefined],
  ])('with Accept-Encoding %s its files are %s', async (accepted, coding) => {
    const decode = { br: brotliDecompressSync, gzip: gunzipSync, identity: (bytes: Buffer) => bytes };
    for (const path of ['/explorer', ...(await filesOfPage())]) {
      const plain = await get(path);
      const { status, headers, bytes } = await get(path, accepted);
      expect({ status, coding: headers['content-encoding'] }).toEqual({ status: 200, coding });
      expect(headers['vary']).toMatch(/\bAccept-Encoding$/);
      expect(Number(headers['content-length'])).toBe(bytes.length);
      const decoded = decode[(coding ?? 'identity') as keyof typeof decode](bytes);
      expect(decoded.equals(plain.bytes)).toBe(true);
      if (coding !== undefined) expect(bytes.length).toBeLessThan(plain.bytes.length);
      const head = await get(path, accepted, 'HEAD');
      expect(head.headers['content-length']).toBe(headers['content-length']);
      expect(head.bytes.length).toBe(0);
    }
  });

  test('looks at a header of blanks in no time', async () => {
    const start = performance.now();
    for (let request = 0; request < 20; request += 1) {
      const { headers } = await get('/explorer', `br${' '.repeat(14_000)}x, gzip ; q=0`);
      expect(headers).not.toHaveProperty('content-encoding');
    }
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  test('tells the licences of what is in it', async () => {
    const text = (await get('/explorer/licenses.txt')).bytes.toString();
    for (const name of ['graphiql', 'monaco-editor', 'react-dom']) {
      expect(text).toMatch(new RegExp(`^${name} [\\d.]+: MIT\\n\\n(.|\\n)*?Copyright`, 'm'));
    }
  });

  test.each([
    'main.cjs',
    '..%2Fmain.cjs',
    '%2e%2e',
    'index.html.br',
    'constructor',
    '__proto__',
    'x'.repeat(9_000),
  ])('has no file %.20s', async (name) => {
    const { status, headers, bytes } = await get(`/explorer/${name}`, 'br');
    expect({ status, caching: headers['cache-control'], coding: headers['content-encoding'] }).toEqual({
      status: 404,
      caching: 'no-store',
      coding: undefined,
    });
    expect(JSON.parse(bytes.toString())).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
  });

  test('leads from its path with a slash to the one without', async () => {
    const { status, headers } = await get('/explorer/');
    expect({ status, location: headers['location'] }).toEqual({ status: 308, location: '../explorer' });
  });

  test('counts who has no credential, and is off by EXPLORER=false', async () => {
    await using few = await startService({ ANONYMOUS_RATE_LIMIT_PER_MINUTE: '1' });
    const statuses: number[] = [];
    for (let index = 0; index < 2; index += 1) statuses.push((await fetch(`${few.url}/explorer`)).status);
    expect(statuses).toEqual([200, 429]);
    await using none = await startService({ EXPLORER: 'false' });
    expect((await fetch(`${none.url}/explorer`)).status).toBe(404);
    const sandbox = await fetch(`${none.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(await sandbox.text()).not.toContain('href="/explorer"');
  });

  test('is found below the path of the public URL', async () => {
    const port = String(await freePort());
    await using _below = await startService({ PORT: port, PUBLIC_URL: 'https://example.org/files' });
    const sandbox = await fetch(`http://127.0.0.1:${port}/graphql`, { headers: { accept: 'text/html' } });
    expect(await sandbox.text()).toContain('<a href="/files/explorer">');
  });
});
