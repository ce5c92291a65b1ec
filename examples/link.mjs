// link.mjs: CLAIMCHECK_KEY=cck_… node link.mjs <id of an attachment>…
import { ask } from './claimcheck.mjs';

const record = { type: 'WorkPackage', id: '1' };
const [first, ...others] = process.argv.slice(2);

const claim = `mutation ($id: ID!, $record: RecordInput!) {
  claimAttachment(input: { attachmentId: $id, record: $record }) { alreadyClaimed }
}`;
const link = `mutation ($ids: [ID!]!, $record: RecordInput!) {
  linkAttachments(input: { record: $record, field: "files", attachmentIds: $ids, mode: ADD }) {
    field { version }
    links { position attachment { id fileName } }
  }
}`;

// The record owns the first one now. Linking claims too, and puts all of them into the field, in order.
await ask(claim, { id: first, record });
const { linkAttachments } = await ask(link, { ids: [first, ...others], record });
for (const { position, attachment } of linkAttachments.links) console.log(position, attachment.fileName);
