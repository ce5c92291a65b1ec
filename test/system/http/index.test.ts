import { readFileSync } from 'node:fs';
import { freePort } from '../../support/free-port.js';
import { RawConnection } from '../../support/raw-http.js';
import { startService } from '../../support/service.js';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

describe('without the console, /', () => {
  test('says to everybody what the service is, and where its parts are', async () => {
    await using service = await startService({ CONSOLE: 'false' });
    const answer = await fetch(service.url);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      {
        name: 'claimcheck',
        version,
        graphql: '/graphql',
        health: { live: '/health/live', ready: '/health/ready' },
        explorer: '/explorer',
      },
    ]);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    for (const path of ['/health/live', '/health/ready', '/explorer'])
      expect([path, (await fetch(`${service.url}${path}`)).status]).toEqual([path, 200]);
    const head = await fetch(service.url, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const connection = await RawConnection.open(service.url);
    await connection.send('GET * HTTP/1.1\r\nHost: x\r\n\r\n');
    expect((await connection.response()).status).toBe(404);
    connection.destroy();
  });

  test('names paths below that of the public URL, and no page that is off', async () => {
    const port = String(await freePort());
    const off = { CONSOLE: 'false', EXPLORER: 'false' };
    await using _below = await startService({ ...off, PORT: port, PUBLIC_URL: 'https://example.org/files' });
    const answer = await fetch(`http://127.0.0.1:${port}/?x=1`);
    expect(await answer.json()).toEqual({
      name: 'claimcheck',
      version,
      graphql: '/files/graphql',
      health: { live: '/files/health/live', ready: '/files/health/ready' },
    });
  });

  test('counts who has no credential', async () => {
    await using few = await startService({ CONSOLE: 'false', ANONYMOUS_RATE_LIMIT_PER_MINUTE: '1' });
    const statuses = [(await fetch(few.url)).status, (await fetch(few.url)).status];
    expect(statuses).toEqual([200, 429]);
  });
});

test('with the console, / is its page', async () => {
  await using service = await startService();
  const answer = await fetch(service.url);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
});
