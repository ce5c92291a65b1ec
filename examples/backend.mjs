// backend.mjs: CLAIMCHECK_KEY=cck_… node backend.mjs
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { ask } from './claimcheck.mjs';

const createTarget = `mutation ($input: CreateUploadTargetInput!) {
  createUploadTarget(input: $input) { target { documentKey method url headers { name value } } }
}`;
const create = `mutation ($input: CreateAttachmentInput!) {
  createAttachment(input: $input) { attachment { id fileName size } }
}`;

// Check your user's rights here, and remember who has asked for which documentKey. The page does not choose the record.
const routes = {
  'POST /targets': ({ fileName, size }) => ask(createTarget, { input: { fileName, size } }),
  'POST /attachments': ({ documentKey }) =>
    ask(create, { input: { content: { documentKey }, record: { type: 'WorkPackage', id: '1' } } }),
};

const server = createServer(async (request, response) => {
  if (request.method === 'GET') return response.end(await readFile(new URL('page.html', import.meta.url)));
  const handle = routes[`${request.method} ${request.url}`];
  if (!handle) return response.writeHead(404).end();
  try {
    response.end(JSON.stringify(await handle(await json(request))));
  } catch ({ message, code = 'BAD_USER_INPUT' }) {
    response.writeHead(400).end(JSON.stringify({ message, code }));
  }
});
server.listen(process.env.PORT ?? 3000, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}`),
);
