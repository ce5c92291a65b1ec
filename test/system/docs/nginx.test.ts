import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { createClaimcheck } from '../../../src/client/node.js';
import { blocksOf, readPage } from '../../support/doc-page.js';
import { freePort } from '../../support/free-port.js';
import { startService, type TestService } from '../../support/service.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

/** The configuration of the page, for a service and a port of this test, without TLS and with all its files in a folder. */
async function configure(folder: string, service: string, port: number): Promise<string> {
  const [shown = ''] = blocksOf(readPage('docs/operators.md'), 'nginx');
  const site = shown
    .replace('127.0.0.1:4000', new URL(service).host)
    .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
    .replace(/ssl_certificate.*/g, '');
  expect(site).toContain(`listen 127.0.0.1:${port};`);
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  for (const name of folders) await mkdir(`${folder}/${name}`);
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const path = `${folder}/nginx.conf`;
  await writeFile(
    path,
    `${user} daemon off; master_process off; pid ${folder}/pid; error_log stderr crit;
    events { worker_connections 64; }
    http {
      access_log off; ${folders.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
      ${site}
    }`,
  );
  return path;
}

describeWithProgram('nginx', 'apt-get install nginx-light', (program) => {
  let service: TestService;
  let url: string;
  let stop: () => Promise<unknown>;
  beforeAll(async () => {
    service = await startService({ TRUST_PROXY: '127.0.0.1', ANONYMOUS_RATE_LIMIT_PER_MINUTE: '2' });
    const folder = await makeTemporaryDirectory();
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const path = await configure(folder, service.url, port);
    const nginx = spawn(program, ['-p', folder, '-c', path], { stdio: ['ignore', 'ignore', 'inherit'] });
    stop = () => Promise.all([once(nginx, 'close'), nginx.kill()]);
    while (!(await fetch(`${url}/health/live`).catch(() => null))) await sleep(20);
  });
  afterAll(async () => {
    await stop();
    await service.close();
  });

  test('uploads, downloads and changes pass through the nginx of the page', async () => {
    const claimcheck = createClaimcheck({ url, credential: service.key });
    const { id, sha256 } = await claimcheck.upload(new File(['0123456789'], 'small.txt'));
    const rest = await claimcheck.download(id, { from: 4, sha256 });
    expect([rest.status, await rest.text()]).toEqual([206, '456789']);
    const large = new File([Buffer.alloc(9 * 1024 * 1024)], 'large.bin');
    expect(await claimcheck.upload(large)).toMatchObject({ size: large.size });
    const record = { type: 'WorkPackage', id: '1' };
    const onConnect = () => void claimcheck.claim(id, record);
    for await (const change of claimcheck.watch({ record }, { onConnect })) {
      expect(change.id).toBe(id);
      break;
    }
  });

  test('an upload by the draft of the IETF gets its answer, and so does the next request', async () => {
    const client = new Client(url, { headersTimeout: 5_000 });
    const headers = {
      authorization: `Bearer ${service.key}`,
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment; filename="draft.bin"',
      'upload-complete': '?1',
      'upload-draft-interop-version': '8',
    };
    const sent = await client.request({ method: 'POST', path: '/uploads', headers, body: 'draft' });
    expect(await sent.body.json()).toMatchObject({ size: 5 });
    const { statusCode } = await client.request({ method: 'GET', path: '/health/live' });
    expect([sent.statusCode, statusCode]).toEqual([201, 200]);
    await client.close();
  });

  test('the address that counts is that of the client, whatever it says', async () => {
    const statuses: number[] = [];
    for (const forwarded of ['192.0.2.1', '192.0.2.2', '192.0.2.3'])
      statuses.push((await fetch(`${url}/explorer`, { headers: { 'x-forwarded-for': forwarded } })).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await fetch(`${url}/metrics`)).status).toBe(403);
  });
});
