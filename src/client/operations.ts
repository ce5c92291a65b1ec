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

const documents: Record<keyof Operations, string> = {
  Create: `mutation Create($input: CreateAttachmentInput!) {
  createAttachment(input: $input) { attachment { ...Attachment } }
}`,
  CreateTarget: `mutation CreateTarget($input: CreateUploadTargetInput!) {
  createUploadTarget(input: $input) { target { documentKey method url headers { name value } } }
}`,
  Claim: `mutation Claim($input: ClaimAttachmentInput!) {
  claimAttachment(input: $input) { alreadyClaimed attachment { ...Attachment } }
}`,
  Link: `mutation Link($input: LinkAttachmentsInput!) {
  linkAttachments(input: $input) {
    field { name version }
    links { position state attachment { ...Attachment } }
    rejected { ...Attachment }
    unlinked { ...Attachment }
  }
}`,
  Delete: `mutation Delete($input: DeleteAttachmentInput!) {
  deleteAttachment(input: $input) { deletedAttachmentId }
}`,
  Get: `query Get($id: ID!) {
  attachment(id: $id) { ...Attachment }
}`,
  DownloadUrl: `query DownloadUrl($id: ID!, $disposition: Disposition!, $expiresIn: Int!) {
  attachment(id: $id) { status downloadUrl(disposition: $disposition, expiresIn: $expiresIn) }
}`,
  List: `query List($filter: AttachmentFilter, $orderBy: AttachmentOrder, $first: Int, $after: String) {
  attachments(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    nodes { ...Attachment }
    pageInfo { hasNextPage endCursor }
  }
}`,
  Field: `query Field($type: String!, $id: ID!, $field: String!) {
  record(type: $type, id: $id) {
    field(name: $field) {
      name version
      links(includePending: true) { position state attachment { ...Attachment } }
    }
  }
}`,
  Viewer: `query Viewer {
  viewer { organizationId permissions principal { id kind name } }
}`,
  Changes: `subscription Changes($attachmentId: ID, $record: RecordInput) {
  attachmentChanged(attachmentId: $attachmentId, record: $record) { ...Attachment }
}`,
};

/** The document of an operation, with the fragment if it has use for it. */
export function documentOf(name: keyof Operations): string {
  const document = documents[name];
  return document.includes('...Attachment') ? `${document}\n${attachment}` : document;
}

export const operationNames = Object.keys(documents) as (keyof Operations)[];
