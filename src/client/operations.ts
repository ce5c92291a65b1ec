import type { Operations } from './schema-types.js';

/** All that is read of an attachment, wherever one is. */
const attachment = `fragment Attachment on Attachment {
  id organizationId documentKey fileName contentType size status createdAt updatedAt claimedAt expiresAt url
  description { format raw html }
  metadata { type attributes }
  createdBy { id kind name }
  record { type id: recordId }
  rejection { reason message signature rejectedAt }
  digest { hash }
}`;

/** A mutation whose one argument has the type that all such have. */
function change(name: string, field: string, selection: string): string {
  const type = `${field[0]?.toUpperCase()}${field.slice(1)}Input!`;
  return `mutation ${name}($input: ${type}) { ${field}(input: $input) { ${selection} } }`;
}

const attachments = '{ ...Attachment }';
const links = `links { position state attachment ${attachments} }`;

const documents: Record<keyof Operations, string> = {
  Create: change('Create', 'createAttachment', `attachment ${attachments}`),
  CreateTarget: change('CreateTarget', 'createUploadTarget', 'target { documentKey url }'),
  Claim: change('Claim', 'claimAttachment', `alreadyClaimed attachment ${attachments}`),
  Link: change(
    'Link',
    'linkAttachments',
    `field { name version } ${links} rejected ${attachments} unlinked ${attachments}`,
  ),
  Delete: change('Delete', 'deleteAttachment', 'deletedAttachmentId'),
  Share: change('Share', 'createShareLink', 'url shareLink { id expiresAt maxDownloads }'),
  Get: `query Get($id: ID!) {
  attachment(id: $id) ${attachments}
}`,
  DownloadUrl: `query DownloadUrl($id: ID!, $disposition: Disposition!, $expiresIn: Int!) {
  attachment(id: $id) { status downloadUrl(disposition: $disposition, expiresIn: $expiresIn) }
}`,
  List: `query List($filter: AttachmentFilter, $orderBy: AttachmentOrder, $first: Int, $after: String) {
  attachments(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    nodes ${attachments}
    pageInfo { hasNextPage endCursor }
  }
}`,
  Field: `query Field($type: String!, $id: ID!, $field: String!) {
  record(type: $type, id: $id) {
    field(name: $field) { name version ${links.replace(' ', '(includePending: true) ')} }
  }
}`,
  Viewer: `query Viewer {
  viewer { organizationId permissions principal { id kind name } }
}`,
  Changes: `subscription Changes($attachmentId: ID, $record: RecordInput) {
  attachmentChanged(attachmentId: $attachmentId, record: $record) ${attachments}
}`,
};

/** The document of an operation, with the fragment if it has use for it. */
export function documentOf(name: keyof Operations): string {
  const document = documents[name];
  return document.includes('...Attachment') ? `${document}\n${attachment}` : document;
}

export const operationNames = Object.keys(documents) as (keyof Operations)[];
