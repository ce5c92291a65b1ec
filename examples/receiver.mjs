// receiver.mjs: WEBHOOK_SECRET=whsec_… node receiver.mjs
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

const secret = Buffer.from(process.env.WEBHOOK_SECRET.replace('whsec_', ''), 'base64');
// In your database, so that it outlives a restart.
const done = new Set();

/** Whether Claimcheck has sent this, within five minutes. `body` is the text as it came, not parsed and written again. */
function isGenuine(
  { 'webhook-id': id, 'webhook-timestamp': sent, 'webhook-signature': signatures = '' },
  body,
) {
  if (!(Math.abs(Date.now() / 1000 - sent) < 300)) return false;
  const signature = createHmac('sha256', secret).update(`${id}.${sent}.${body}`).digest('base64');
  const expected = Buffer.from(`v1,${signature}`);
  const given = signatures.split(' ').map((one) => Buffer.from(one));
  return given.some((one) => one.length === expected.length && timingSafeEqual(one, expected));
}

const server = createServer(async (request, response) => {
  const body = await text(request);
  if (!isGenuine(request.headers, body)) return response.writeHead(401).end();
  const { type, data } = JSON.parse(body);
  if (!done.has(request.headers['webhook-id']))
    console.log(type, data.attachment?.id, data.attachment?.status);
  done.add(request.headers['webhook-id']);
  response.writeHead(204).end();
});
server.listen(process.env.PORT ?? 3002, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}`),
);
