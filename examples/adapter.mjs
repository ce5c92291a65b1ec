// adapter.mjs: CLAIMCHECK_KEY=cck_… node adapter.mjs
//
// Answers the create requests of Cronofy, Devin, EspoCRM and Light in their own shape, so that their clients work unchanged.
// Put your own check of the caller in front of it: it uses one key for all.
import { createServer } from 'node:http';
import { ask, send } from './claimcheck.mjs';

const createFields = `id organizationId documentKey fileName contentType size url createdAt updatedAt
  createdBy { id } record { recordId } metadata { type attributes } digest(algorithm: MD5) { hash }`;
const create = `mutation ($input: CreateAttachmentInput!) {
  createAttachment(input: $input) { attachment { ${createFields} } }
}`;
const createFromFile = `mutation ($file: Upload!) {
  createAttachment(input: { content: { upload: $file } }) { attachment { ${createFields} } }
}`;
const createTarget = `mutation ($input: CreateUploadTargetInput!) {
  createUploadTarget(input: $input) { target { documentKey url headers { name value } expiresAt } }
}`;

const attachmentOf = ({ createAttachment: { attachment } }) => attachment;
const creation = async (input) => attachmentOf(await ask(create, { input }));

async function cronofy(request) {
  const { attachment } = await request.json();
  const { file_name: fileName, content_type: contentType, base64_content: base64 } = attachment;
  const made = await creation({ content: { base64 }, fileName, contentType, policy: 'calendar' });
  return {
    attachment: {
      attachment_id: made.id,
      file_name: made.fileName,
      content_type: made.contentType,
      md5: made.digest.hash,
    },
  };
}

async function devin(request) {
  const file = (await request.formData()).get('file');
  const body = new FormData();
  body.set('operations', JSON.stringify({ query: createFromFile, variables: { file: null } }));
  body.set('map', JSON.stringify({ 0: ['variables.file'] }));
  body.set('0', file);
  const { id, fileName, url } = attachmentOf(await send(body, {}));
  return { attachment_id: id, name: fileName, url };
}

async function espocrm(request) {
  const { name, type, role, relatedType, parentType, field, file } = await request.json();
  const attributes = { role, field, relatedType: relatedType ?? parentType };
  const metadata = { type: 'EspoCRM', attributes };
  const made = await creation({ content: { dataUrl: file }, fileName: name, contentType: type, metadata });
  return { id: made.id, name: made.fileName, type: made.contentType, size: made.size, role };
}

async function lightUploadUrl(request) {
  const { fileName, contentType, size } = await request.json();
  const { createUploadTarget } = await ask(createTarget, { input: { fileName, contentType, size } });
  const { documentKey, url, headers, expiresAt } = createUploadTarget.target;
  return {
    uploadUrl: url,
    documentKey,
    headers: Object.fromEntries(headers.map((one) => [one.name, one.value])),
    expiresAt,
  };
}

async function light(request) {
  const { resourceId, documentKey, fileName, contentType, metadata } = await request.json();
  const made = await creation({
    content: { documentKey },
    fileName,
    contentType,
    metadata,
    record: { type: 'Expense', id: resourceId },
  });
  const { id, organizationId: companyId, createdBy, createdAt, updatedAt } = made;
  const told = { fileName: made.fileName, contentType: made.contentType, metadata: made.metadata };
  return { id, companyId, resourceId, createdBy: createdBy.id, documentKey, ...told, createdAt, updatedAt };
}

const routes = [
  [/^\/cronofy\/v1\/attachments$/, cronofy],
  [/^\/devin\/v3\/organizations\/[^/]+\/attachments$/, devin],
  [/^\/espocrm\/api\/v1\/Attachment$/, espocrm],
  [/^\/light\/v1\/attachments\/upload-url$/, lightUploadUrl],
  [/^\/light\/v1\/attachments$/, light],
];

async function answer(request) {
  const { method, url, headers } = request;
  const [, handle] = (method === 'POST' && routes.find(([pattern]) => pattern.test(url))) || [];
  if (!handle) return { status: 404, body: { message: 'There is no such route.' } };
  try {
    const given = new Request(`http://adapter${url}`, { method, headers, body: request, duplex: 'half' });
    return { status: 200, body: await handle(given) };
  } catch ({ message, code = 'BAD_USER_INPUT', details = [] }) {
    return { status: 422, body: { code, message, detail: details } };
  }
}

const server = createServer(async (request, response) => {
  const { status, body } = await answer(request);
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});
server.listen(process.env.PORT ?? 3003, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}`),
);
