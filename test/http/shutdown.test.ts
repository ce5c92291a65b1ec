import { setTimeout as sleep } from 'node:timers/promises';
import { RawConnection, requestHead } from '../support/raw-http.js';
import { startService } from '../support/service.js';

const typename = '{"query":"{ __typename }"}';
const json = (body: string) =>
  requestHead('/graphql', { 'Content-Type': 'application/json', 'Content-Length': body.length }) + body;

describe('at shutdown', () => {
  test.each([
    ['answered', typename, 200, '{"data":{"__typename":"Query"}}'],
    ['refused', '{"query":"{ __typename }"]', 400, 'The body is not valid JSON.'],
  ])('a request under way is %s, and its connection ends', async (_how, body, status, text) => {
    const service = await startService();
    const connection = await RawConnection.open(service.url);
    await connection.send(json(body).slice(0, -5));
    await service.client.graphql('{ __typename }');

    const started = performance.now();
    const closed = service.close();
    await connection.send(body.slice(-5));
    const response = await connection.response();
    expect(response.status).toBe(status);
    expect(response.body).toContain(text);
    await Promise.all([closed, connection.closed()]);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('a request whose headers are still arriving is answered as ever', async () => {
    const service = await startService();
    const connection = await RawConnection.open(service.url);
    await connection.send('GET /nothing HTTP/1.1\r\n');
    await service.client.graphql('{ __typename }');
    const closed = service.close();
    await sleep(100);
    await connection.send('Host: localhost\r\n\r\n');
    const { status, body, headers } = await connection.response();
    expect({ status, connection: headers.get('connection') }).toEqual({ status: 404, connection: 'close' });
    expect(JSON.parse(body)).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
    await Promise.all([closed, connection.closed()]);
  });
});
