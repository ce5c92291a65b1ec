// forward.mjs: CLAIMCHECK_KEY=cck_… node forward.mjs, then curl -T hello.txt http://127.0.0.1:3001/hello.txt
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { send } from './claimcheck.mjs';

const query = `mutation ($file: Upload!, $fileName: String) {
  createAttachment(input: { content: { upload: $file }, fileName: $fileName }) { attachment { id fileName size } }
}`;

/** A multipart request whose file part is `content` as it arrives: no file is held in memory. */
async function* form(boundary, fileName, content) {
  const part = (name, rest = '') =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${rest}\r\n\r\n`;
  const operations = JSON.stringify({ query, variables: { file: null, fileName } });
  yield Buffer.from(`${part('operations')}${operations}\r\n${part('map')}{"0":["variables.file"]}\r\n`);
  yield Buffer.from(part('0', '; filename="file"'));
  yield* content;
  yield Buffer.from(`\r\n--${boundary}--\r\n`);
}

const server = createServer(async (request, response) => {
  try {
    const boundary = randomUUID();
    const fileName = decodeURIComponent(basename(request.url));
    const data = await send(Readable.from(form(boundary, fileName, request)), {
      'content-type': `multipart/form-data; boundary=${boundary}`,
    });
    response.end(JSON.stringify(data.createAttachment.attachment));
  } catch ({ message, code }) {
    response.writeHead(400).end(JSON.stringify({ message, code }));
  }
});
server.listen(process.env.PORT ?? 3001, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}`),
);
