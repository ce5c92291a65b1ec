import type { Operations } from './schema-types.js';

/** All that is read of an attachment, wherever one is. */
const attachment = `fragment Attachment on Attachment {
  id organizationId documentKey fileName contentType size status createdAt updatedAt claimedAt expiresAt url
  description { format raw html } metadata { type attributes } createdBy { id kind name } record { type id: recordId }
  rejection { reason message signature rejectedAt } digest { hash }
}`;

/** A mutation whose one argument has the type that all such have. */
function change(field: string, selection: string): string {
  const type = `${field[0]?.toUpperCase()}${field.slice(1)}Input!`;
  return `mutation ($input: ${type}) { ${field}(input: $input) { ${selection} } }`;
}

const attachments = '{ ...Attachment }';
const links = `{ position state attachment ${attachments} }`;

/** Their names are put in by `documentOf`. */
const documents: Record<keyof Operations, string> = {
  Create: change('createAttachment', `attachment ${attachments}`),
  CreateTarget: change('createUploadTarget', 'target { documentKey url }'),
  Claim: change('claimAttachment', `alreadyClaimed attachment ${attachments}`),
  Link: change(
    'linkAttachments',
    `field { name version } links ${links} rejected ${attachments} unlinked ${attachments}`,
  ),
  Delete: change('deleteAttachment', 'deletedAttachmentId'),
  Share: change('createShareLink', 'url shareLink { id expiresAt maxDownloads }'),
  Get: `query ($id: ID!) { attachment(id: $id) ${attachments} }`,
  DownloadUrl: `query ($id: ID!, $disposition: Disposition!, $expiresIn: Int!) {
    attachment(id: $id) { status downloadUrl(disposition: $disposition, expiresIn: $expiresIn) }
  }`,
  List: `query ($filter: AttachmentFilter, $orderBy: AttachmentOrder, $first: Int, $after: String) {
    attachments(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
      nodes ${attachments} pageInfo { hasNextPage endCursor }
    }
  }`,
  Field: `query ($type: String!, $id: ID!, $field: String!) {
    record(type: $type, id: $id) { field(name: $field) { name version links(includePending: true) ${links} } }
  }`,
  Policy: `query ($recordType: String, $field: String) {
    uploadPolicy(recordType: $recordType, field: $field) { name }
  }`,
  Viewer: 'query { viewer { organizationId permissions principal { id kind name } } }',
  Changes: `subscription ($attachmentId: ID, $record: RecordInput) {
    attachmentChanged(attachmentId: $attachmentId, record: $record) ${attachments}
  }`,
};

/** The document of an operation, with the fragment if it has use for it. */
export function documentOf(name: keyof Operations): string {
  const document = documents[name].replace(/\w+/, `$& ${name}`);
  return document.includes('...Attachment') ? `${document}\n${attachment}` : document;
}

export const operationNames = /* @__PURE__ */ Object.keys(documents) as (keyof Operations)[];
