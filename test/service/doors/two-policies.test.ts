import type { Answer, AttachmentData } from '../../support/client.js';
import * as real from '../../unit/content-types/real-files.js';
import { link } from './links.js';
import { Stage } from './stage.js';

const policies = {
  policies: {
    notes: { acceptedTypes: { 'text/markdown': ['.txt', '.md'], 'application/vnd.own': ['.own'] } },
    texts: { acceptedTypes: { 'text/plain': ['.txt'], 'text/markdown': ['.txt'] } },
  },
  recordTypes: {
    Notes: { policy: 'notes', fields: { free: { policy: 'default' } } },
    Texts: { policy: 'texts' },
    '*': { policy: 'default' },
  },
};

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open(policies);
});
afterAll(() => stage[Symbol.asyncDispose]());

const text = { content: 'a text', name: 'a.txt' };
const own = { content: Buffer.from('0102ff00fe', 'hex'), name: 'a.own' };
const outcomeOf = ({ data, errors }: Answer<{ createAttachment: { attachment: AttachmentData } }>) =>
  data?.createAttachment?.attachment.contentType ?? errors?.[0]?.extensions.code;

test.each([
  ['notes', 'Free', text, 'text/markdown'],
  ['default', 'Notes', text, 'text/markdown'],
  ['texts', 'Notes', text, 'text/markdown'],
  ['notes', 'Texts', text, 'text/markdown'],
  ['default', 'Texts', text, 'text/plain'],
  ['notes', 'Free', own, 'application/vnd.own'],
  ['default', 'Notes', own, 'application/vnd.own'],
  ['texts', 'Notes', own, 'CONTENT_TYPE_NOT_ALLOWED'],
  ['default', 'Notes', { content: new Uint8Array(real.png), name: 'a.txt' }, 'CONTENT_TYPE_MISMATCH'],
])('content that %s and the policy of %s accept has a type of both', async (policy, type, file, outcome) => {
  const record = { type, id: stage.newName() };
  expect(outcomeOf(await stage.owner.tryUpload(file, { policy, record }))).toBe(outcome);
});

test('new content has a type of all places that hold the attachment', async () => {
  const record = { type: 'Notes', id: stage.newName() };
  const { id } = await stage.owner.upload(text, { policy: 'notes', record, field: 'free' });
  const { replaceContent } = await stage.owner.ask<{ replaceContent: { attachment: AttachmentData } }>(
    'mutation ($input: ReplaceContentInput!) { replaceContent(input: $input) { attachment { contentType } } }',
    { input: { attachmentId: id, content: { base64: 'TmV3' } } },
  );
  expect(replaceContent.attachment.contentType).toBe('text/markdown');
});

test.each(['text/x+zip', 'text/html+zip', 'application/oasis.opendocument.x+xml', 'image/png+zip'])(
  'an archive that says of itself that it is %s comes into no field for texts',
  async (mimetype) => {
    const archive = real.zipFile([{ name: 'mimetype', content: mimetype }]);
    const { id, contentType } = await stage.owner.upload({ content: new Uint8Array(archive), name: 'a.txt' });
    expect(contentType).toBe('application/zip');
    const record = { type: 'Texts', id: stage.newName() };
    const { errors } = await link(stage.owner, { record, field: 'files', attachmentIds: [id] });
    expect(errors?.[0]?.extensions.code).toBe('CONTENT_TYPE_NOT_ALLOWED');
  },
);
