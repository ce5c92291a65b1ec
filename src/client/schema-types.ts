/*
 * The types of the schema that the client's operations use. `npm run schema` writes this file, and a test compares it.
 */

export interface AttachmentContentInput {
  upload?: null | undefined;
  base64?: string | null | undefined;
  dataUrl?: string | null | undefined;
  documentKey?: string | null | undefined;
}

export type AttachmentErrorCode = 'UNAUTHENTICATED' | 'FORBIDDEN' | 'NOT_FOUND' | 'BAD_USER_INPUT'
  | 'INVALID_MULTIPART' | 'INVALID_BASE64' | 'INVALID_FILE_NAME' | 'FILE_TOO_LARGE' | 'TOO_MANY_FILES'
  | 'REQUEST_TOO_LARGE' | 'DIGEST_MISMATCH' | 'SIZE_MISMATCH' | 'CONTENT_TYPE_NOT_ALLOWED'
  | 'CONTENT_TYPE_MISMATCH' | 'TOO_MANY_ATTACHMENTS' | 'ALREADY_CLAIMED' | 'VERSION_CONFLICT'
  | 'IDEMPOTENCY_CONFLICT' | 'UPLOAD_NOT_FINISHED' | 'DOCUMENT_KEY_UNKNOWN' | 'NOT_APPROVED' | 'DAMAGED'
  | 'WEBHOOK_URI_NOT_ALLOWED' | 'RATE_LIMITED' | 'QUOTA_EXCEEDED' | 'QUERY_TOO_COMPLEX'
  | 'STORAGE_UNAVAILABLE' | 'AUTHORIZER_UNAVAILABLE' | 'INTERNAL_SERVER_ERROR';

export interface AttachmentFilter {
  status?: AttachmentStatus[] | null | undefined;
  claimed?: boolean | null | undefined;
  linked?: boolean | null | undefined;
  record?: RecordInput | null | undefined;
  contentType?: string[] | null | undefined;
  fileNameContains?: string | null | undefined;
  createdBy?: string | null | undefined;
  createdAfter?: string | null | undefined;
  createdBefore?: string | null | undefined;
  sha256?: string | null | undefined;
  damaged?: boolean | null | undefined;
  deleted?: boolean | undefined;
  ids?: string[] | null | undefined;
}

export interface AttachmentMetadataInput {
  type: string;
  attributes?: Record<string, unknown> | null | undefined;
}

export interface AttachmentOrder {
  field?: AttachmentOrderField | undefined;
  direction?: OrderDirection | undefined;
}

export type AttachmentOrderField = 'CREATED_AT' | 'FILE_NAME' | 'SIZE';

export type AttachmentStatus = 'PENDING' | 'APPROVED' | 'REJECTED' | 'SCAN_FAILED';

export interface ClaimAttachmentInput {
  attachmentId: string;
  record: RecordInput;
}

export interface CreateAttachmentInput {
  content: AttachmentContentInput;
  contentType?: string | null | undefined;
  digest?: DigestInput | null | undefined;
  fileName?: string | null | undefined;
  description?: string | null | undefined;
  descriptionFormat?: TextFormat | undefined;
  metadata?: AttachmentMetadataInput | null | undefined;
  record?: RecordInput | null | undefined;
  field?: string | null | undefined;
  recordType?: string | null | undefined;
  policy?: string | null | undefined;
  idempotencyKey?: string | null | undefined;
  webhooks?: WebhookSubscriptionInput[] | null | undefined;
}

export interface CreateShareLinkInput {
  attachmentId: string;
  expiresAt?: string | null | undefined;
  maxDownloads?: number | null | undefined;
}

export interface CreateUploadTargetInput {
  fileName: string;
  contentType?: string | null | undefined;
  digest?: DigestInput | null | undefined;
  size: number;
  policy?: string | null | undefined;
  protocol?: UploadProtocol | undefined;
}

export interface DeleteAttachmentInput {
  attachmentId: string;
  permanently?: boolean | undefined;
}

export type DigestAlgorithm = 'MD5' | 'SHA256';

export interface DigestInput {
  algorithm: DigestAlgorithm;
  hash: string;
}

export type Disposition = 'ATTACHMENT' | 'INLINE';

export interface LinkAttachmentsInput {
  record: RecordInput;
  field?: string | undefined;
  attachmentIds: string[];
  mode?: LinkMode | undefined;
  expectedVersion?: number | null | undefined;
  holdSeconds?: number | undefined;
}

export type LinkMode = 'REPLACE' | 'ADD' | 'REMOVE';

export type LinkState = 'ACTIVE' | 'PENDING' | 'REJECTED';

export type OrderDirection = 'ASC' | 'DESC';

export type PrincipalKind = 'USER' | 'SERVICE';

export interface RecordInput {
  type: string;
  id: string;
}

export type RejectionReason = 'MALWARE' | 'CONTENT_TYPE' | 'POLICY';

export type TextFormat = 'PLAIN' | 'MARKDOWN';

export type UploadProtocol = 'PUT' | 'TUS' | 'S3_MULTIPART';

export type WebhookInteraction = 'ATTACHMENT_APPROVED' | 'ATTACHMENT_REJECTED';

export interface WebhookSubscriptionInput {
  uri: string;
  interactions: WebhookInteraction[];
}

export interface AttachmentFields {
  id: string;
  organizationId: string;
  documentKey: string;
  fileName: string;
  contentType: string;
  size: number;
  status: AttachmentStatus;
  createdAt: string;
  updatedAt: string;
  claimedAt: string | null;
  expiresAt: string | null;
  url: string;
  description: { format: TextFormat; raw: string; html: string } | null;
  metadata: { type: string; attributes: Record<string, unknown> | null } | null;
  createdBy: { id: string; kind: PrincipalKind; name: string | null };
  record: { type: string; id: string } | null;
  rejection: { reason: RejectionReason; message: string; signature: string | null; rejectedAt: string } | null;
  digest: { hash: string };
}

export interface Operations {
  Create: {
    variables: { input: CreateAttachmentInput };
    data: { createAttachment: { attachment: AttachmentFields } };
  };
  CreateTarget: {
    variables: { input: CreateUploadTargetInput };
    data: { createUploadTarget: { target: { documentKey: string; url: string } } };
  };
  Claim: {
    variables: { input: ClaimAttachmentInput };
    data: { claimAttachment: { alreadyClaimed: boolean; attachment: AttachmentFields } };
  };
  Link: {
    variables: { input: LinkAttachmentsInput };
    data: {
      linkAttachments: {
        field: { name: string; version: number };
        links: { position: number; state: LinkState; attachment: AttachmentFields }[];
        rejected: AttachmentFields[];
        unlinked: AttachmentFields[];
      };
    };
  };
  Delete: {
    variables: { input: DeleteAttachmentInput };
    data: { deleteAttachment: { deletedAttachmentId: string } };
  };
  Share: {
    variables: { input: CreateShareLinkInput };
    data: {
      createShareLink: { url: string; shareLink: { id: string; expiresAt: string | null; maxDownloads: number | null } };
    };
  };
  Get: {
    variables: { id: string };
    data: { attachment: AttachmentFields | null };
  };
  DownloadUrl: {
    variables: { id: string; disposition: Disposition; expiresIn: number };
    data: { attachment: { status: AttachmentStatus; downloadUrl: string | null } | null };
  };
  List: {
    variables: {
      filter?: AttachmentFilter | null | undefined;
      orderBy?: AttachmentOrder | null | undefined;
      first?: number | null | undefined;
      after?: string | null | undefined;
    };
    data: {
      attachments: { nodes: AttachmentFields[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
    };
  };
  Field: {
    variables: { type: string; id: string; field: string };
    data: {
      record: {
        field: {
          name: string;
          version: number;
          links: { position: number; state: LinkState; attachment: AttachmentFields }[];
        };
      };
    };
  };
  Policy: {
    variables: { recordType?: string | null | undefined; field?: string | null | undefined };
    data: { uploadPolicy: { name: string } };
  };
  Viewer: {
    variables: Record<string, never>;
    data: {
      viewer: {
        organizationId: string;
        permissions: string[];
        principal: { id: string; kind: PrincipalKind; name: string | null };
      };
    };
  };
  Changes: {
    variables: { attachmentId?: string | null | undefined; record?: RecordInput | null | undefined };
    data: { attachmentChanged: AttachmentFields };
  };
}
