/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
/** The source of the bytes. */
export type AttachmentContentInput =
  {   /** Standard or URL-safe alphabet, padded or not. */
  base64: string; dataUrl?: never; documentKey?: never; upload?: never; }
  |  { base64?: never;   /** data:<type>;base64,<content> */
  dataUrl: string; documentKey?: never; upload?: never; }
  |  { base64?: never; dataUrl?: never;   /** An object stored earlier by way of createUploadTarget. At most 1,024 characters. */
  documentKey: string; upload?: never; }
  |  { base64?: never; dataUrl?: never; documentKey?: never;   /** A file part of the same multipart request. */
  upload: File; };

/** Typed JSON that is kept with an attachment. As JSON it has at most 16 KiB. */
export type AttachmentMetadataInput = {
  /** Any JSON object; null for none. At most 16,384 bytes of JSON. */
  attributes?: Record<string, unknown> | null | undefined;
  /** The kind of the metadata, in the caller's own words. At most 255 characters. */
  type: string;
};

/** The verdict on an attachment's content. */
export type AttachmentStatus =
  /** Passed every check, or scanning is switched off. Downloadable. */
  | 'APPROVED'
  /** Stored, verdict outstanding. Only its creator may download it. */
  | 'PENDING'
  /** Failed a check. Nobody may download it. */
  | 'REJECTED'
  /** The scanner could not give a verdict after all its retries. Treated like PENDING; can be rescanned. */
  | 'SCAN_FAILED';

/** The kinds of events that the audit log holds. More may come. */
export type AuditAction =
  /** Somebody made an API key. */
  | 'API_KEY_CREATED'
  /** Somebody ended an API key. */
  | 'API_KEY_REVOKED'
  /** The checks approved it. */
  | 'ATTACHMENT_APPROVED'
  /** A record claimed it. The details name the record. */
  | 'ATTACHMENT_CLAIMED'
  /** Somebody uploaded or copied it. */
  | 'ATTACHMENT_CREATED'
  /** Its stored bytes were found to be gone or changed. The details say how. */
  | 'ATTACHMENT_DAMAGED'
  /** Somebody deleted it. The details say until when it can be restored, if it can. */
  | 'ATTACHMENT_DELETED'
  /** Once for each principal, signed URL or share link, attachment and day, in UTC. The details name the link. */
  | 'ATTACHMENT_DOWNLOADED'
  /** A field took it up. The details name the record and the field. */
  | 'ATTACHMENT_LINKED'
  /** Deleted by the service, since it had expired. */
  | 'ATTACHMENT_PURGED'
  /** The checks rejected it. The details say why. */
  | 'ATTACHMENT_REJECTED'
  /** An administrator overrode a rejection. The details hold the reason. */
  | 'ATTACHMENT_RELEASED'
  /** Its damaged bytes were found to be whole again. */
  | 'ATTACHMENT_REPAIRED'
  /** Somebody brought new content for it. The details say which version it is, once it is approved. */
  | 'ATTACHMENT_REPLACED'
  /** Somebody had it checked again. */
  | 'ATTACHMENT_RESCANNED'
  /** Somebody took it out of the trash. */
  | 'ATTACHMENT_RESTORED'
  /** It was given from one record to another. The details name both. */
  | 'ATTACHMENT_TRANSFERRED'
  /** A field let go of it. The details name the record and the field. */
  | 'ATTACHMENT_UNLINKED'
  /** Somebody changed its name, description or metadata. The details hold what was said before and after. */
  | 'ATTACHMENT_UPDATED'
  /** An operator erased a principal. The details name what stands in its place, and who wanted it. */
  | 'PRINCIPAL_ERASED'
  /** Somebody made a share link of it. The details name the link. */
  | 'SHARE_LINK_CREATED'
  /** Somebody ended a share link of it. The details name the link. */
  | 'SHARE_LINK_REVOKED'
  /** An erasure deleted uploads and idempotency keys of a principal. The details hold how many, and the pseudonym. */
  | 'UPLOADS_DELETED'
  /** Somebody made a webhook endpoint. */
  | 'WEBHOOK_ENDPOINT_CREATED'
  /** Somebody deleted a webhook endpoint. */
  | 'WEBHOOK_ENDPOINT_DELETED'
  /** Somebody enabled a paused webhook endpoint. */
  | 'WEBHOOK_ENDPOINT_ENABLED'
  /** The service paused a webhook endpoint. The details say why. */
  | 'WEBHOOK_ENDPOINT_PAUSED'
  /** Somebody gave a webhook endpoint a new secret. */
  | 'WEBHOOK_ENDPOINT_SECRET_ROTATED'
  /** Somebody changed a webhook endpoint. */
  | 'WEBHOOK_ENDPOINT_UPDATED';

/** Makes a link by which anybody who has it can download an attachment. */
export type CreateShareLinkInput = {
  /** An attachment that the viewer may change; else NOT_FOUND or FORBIDDEN. At most 255 characters. */
  attachmentId: string | number;
  /** Null: until it is revoked. Must lie in the future. */
  expiresAt?: string | null | undefined;
  /** Null: any number. */
  maxDownloads?: number | null | undefined;
};

/** The hash functions that are known of every content. */
export type DigestAlgorithm =
  /** 128 bits, for comparing with older systems. It proves nothing against a forger. */
  | 'MD5'
  /** 256 bits. */
  | 'SHA256';

/** A hash that the client has computed itself. */
export type DigestInput = {
  /** The hash function. */
  algorithm: DigestAlgorithm;
  /** Hexadecimal, in either case. At most 255 characters. */
  hash: string;
};

/** The state of a link for readers of its field. */
export type LinkState =
  /** Its attachment is approved. */
  | 'ACTIVE'
  /** Its attachment has no verdict yet. */
  | 'PENDING'
  /** Its attachment was rejected while this was read: the link is gone by now. */
  | 'REJECTED';

/** The kinds of principals. */
export type PrincipalKind =
  /** A service account, by API key. */
  | 'SERVICE'
  /** A person, by JSON Web Token. */
  | 'USER';

/** The kinds of reasons for a rejection. */
export type RejectionReason =
  /** The scanner finds it broken: not of the type that it begins like. */
  | 'CONTENT_TYPE'
  /** The scanner knows it as malware. */
  | 'MALWARE'
  /** The scanner is set to let no such file pass, such as an encrypted one or one with macros. */
  | 'POLICY';

/** The same attachment, id and url with new content. It is current once APPROVED; until then, and where it is rejected, the one before stays. */
export type ReplaceContentInput = {
  /** An attachment that the viewer may change; else NOT_FOUND or FORBIDDEN. At most 255 characters. */
  attachmentId: string | number;
  /** The bytes. */
  content: AttachmentContentInput;
  /** Must agree with the bytes and with the extension; application/octet-stream leaves it to them. At most 1,024 characters. */
  contentType?: string | null | undefined;
  /** The hash that the client computed; refused with DIGEST_MISMATCH where the bytes disagree. */
  digest?: DigestInput | null | undefined;
  /** Refused with VERSION_CONFLICT unless the attachment is at this version. */
  expectedVersion?: number | null | undefined;
  /** A new name; null: the attachment keeps its name, whatever a file part is called. At most 255 characters. */
  fileName?: string | null | undefined;
  /** Same principal, same key, same input: nothing is replaced again. Other input: IDEMPOTENCY_CONFLICT. At most 255 characters. */
  idempotencyKey?: string | null | undefined;
};

/** The formats of a description. */
export type TextFormat =
  /** GitHub's flavour, without HTML and images. */
  | 'MARKDOWN'
  /** Shown as it was typed, line breaks included. */
  | 'PLAIN';

/** Changes what is said about an attachment. Members that are left out stay as they are. */
export type UpdateAttachmentInput = {
  /** An attachment that the viewer may change; else NOT_FOUND or FORBIDDEN. At most 255 characters. */
  attachmentId: string | number;
  /** Null takes it away. At most 10,000 characters. */
  description?: string | null | undefined;
  /** The format of the description, if one is given. */
  descriptionFormat?: TextFormat;
  /** The new name; left out or null: unchanged. At most 255 characters. */
  fileName?: string | null | undefined;
  /** Null takes it away. */
  metadata?: AttachmentMetadataInput | null | undefined;
};

export type FileQueryVariables = Exact<{
  id: string | number;
}>;


export type FileQuery = { attachment: { id: string, fileName: string, contentType: string, size: number, status: AttachmentStatus, damaged: boolean, version: number, documentKey: string, createdAt: string, updatedAt: string, claimedAt: string | null, deletedAt: string | null, expiresAt: string | null, downloadUrl: string | null, preview: string | null, inlineUrl: string | null, image: { width: number, height: number } | null, sha256: { hash: string }, md5: { hash: string }, description: { format: TextFormat, raw: string, html: string } | null, metadata: { type: string, attributes: Record<string, unknown> | null } | null, rejection: { reason: RejectionReason, message: string, signature: string | null, rejectedAt: string } | null, createdBy: { id: string, kind: PrincipalKind, name: string | null }, record: { id: string, type: string, recordId: string } | null, links: { nodes: Array<{ id: string, field: string, position: number, state: LinkState, record: { id: string, type: string, recordId: string } }>, pageInfo: { hasNextPage: boolean } } } | null };

export type ReceiptQueryVariables = Exact<{
  id: string | number;
}>;


export type ReceiptQuery = { attachment: { receipt: string } | null };

export type UpdateFileMutationVariables = Exact<{
  input: UpdateAttachmentInput;
}>;


export type UpdateFileMutation = { updateAttachment: { attachment: { id: string } } | null };

export type DeleteMutationVariables = Exact<{
  id: string | number;
  permanently: boolean;
}>;


export type DeleteMutation = { deleteAttachment: { receipt: string } | null };

export type RestoreMutationVariables = Exact<{
  id: string | number;
}>;


export type RestoreMutation = { restoreAttachment: { attachment: { id: string } } | null };

export type DownloadQueryVariables = Exact<{
  id: string | number;
}>;


export type DownloadQuery = { attachment: { downloadUrl: string | null } | null };

export type VersionsQueryVariables = Exact<{
  id: string | number;
  first: number;
  after?: string | null | undefined;
}>;


export type VersionsQuery = { attachment: { versions: { nodes: Array<{ version: number, isCurrent: boolean, fileName: string, contentType: string, size: number, status: AttachmentStatus, createdAt: string, documentKey: string, downloadUrl: string | null, sha256: { hash: string }, createdBy: { id: string, name: string | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } | null };

export type ReplaceMutationVariables = Exact<{
  input: ReplaceContentInput;
}>;


export type ReplaceMutation = { replaceContent: { version: { version: number, status: AttachmentStatus } } | null };

export type SharesQueryVariables = Exact<{
  id: string | number;
  first: number;
  after?: string | null | undefined;
}>;


export type SharesQuery = { attachment: { shareLinks: { nodes: Array<{ id: string, createdAt: string, expiresAt: string | null, revokedAt: string | null, lastUsedAt: string | null, downloads: number, maxDownloads: number | null, createdBy: { id: string, name: string | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } | null };

export type CreateShareMutationVariables = Exact<{
  input: CreateShareLinkInput;
}>;


export type CreateShareMutation = { createShareLink: { url: string, shareLink: { id: string } } | null };

export type RevokeShareMutationVariables = Exact<{
  id: string | number;
}>;


export type RevokeShareMutation = { revokeShareLink: { shareLink: { id: string } } | null };

export type HistoryQueryVariables = Exact<{
  id: string | number;
  first: number;
  after?: string | null | undefined;
}>;


export type HistoryQuery = { auditLog: { nodes: Array<{ id: string, action: AuditAction, createdAt: string, details: Record<string, unknown> | null, principal: { id: string, kind: PrincipalKind, name: string | null } | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };


export const FileDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"File"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachment"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"fileName"}},{"kind":"Field","name":{"kind":"Name","value":"contentType"}},{"kind":"Field","name":{"kind":"Name","value":"size"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"damaged"}},{"kind":"Field","name":{"kind":"Name","value":"version"}},{"kind":"Field","name":{"kind":"Name","value":"documentKey"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"updatedAt"}},{"kind":"Field","name":{"kind":"Name","value":"claimedAt"}},{"kind":"Field","name":{"kind":"Name","value":"deletedAt"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}},{"kind":"Field","name":{"kind":"Name","value":"downloadUrl"}},{"kind":"Field","alias":{"kind":"Name","value":"inlineUrl"},"name":{"kind":"Name","value":"downloadUrl"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"disposition"},"value":{"kind":"EnumValue","value":"INLINE"}},{"kind":"Argument","name":{"kind":"Name","value":"expiresIn"},"value":{"kind":"IntValue","value":"3600"}}]},{"kind":"Field","name":{"kind":"Name","value":"preview"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"size"},"value":{"kind":"IntValue","value":"1024"}}]},{"kind":"Field","name":{"kind":"Name","value":"image"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"width"}},{"kind":"Field","name":{"kind":"Name","value":"height"}}]}},{"kind":"Field","alias":{"kind":"Name","value":"sha256"},"name":{"kind":"Name","value":"digest"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hash"}}]}},{"kind":"Field","alias":{"kind":"Name","value":"md5"},"name":{"kind":"Name","value":"digest"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"algorithm"},"value":{"kind":"EnumValue","value":"MD5"}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hash"}}]}},{"kind":"Field","name":{"kind":"Name","value":"description"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"format"}},{"kind":"Field","name":{"kind":"Name","value":"raw"}},{"kind":"Field","name":{"kind":"Name","value":"html"}}]}},{"kind":"Field","name":{"kind":"Name","value":"metadata"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"type"}},{"kind":"Field","name":{"kind":"Name","value":"attributes"}}]}},{"kind":"Field","name":{"kind":"Name","value":"rejection"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"reason"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"signature"}},{"kind":"Field","name":{"kind":"Name","value":"rejectedAt"}}]}},{"kind":"Field","name":{"kind":"Name","value":"createdBy"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"kind"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}},{"kind":"Field","name":{"kind":"Name","value":"record"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"type"}},{"kind":"Field","name":{"kind":"Name","value":"recordId"}}]}},{"kind":"Field","name":{"kind":"Name","value":"links"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"IntValue","value":"100"}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"nodes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"position"}},{"kind":"Field","name":{"kind":"Name","value":"state"}},{"kind":"Field","name":{"kind":"Name","value":"record"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"type"}},{"kind":"Field","name":{"kind":"Name","value":"recordId"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"pageInfo"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hasNextPage"}}]}}]}}]}}]}}]} as unknown as DocumentNode<FileQuery, FileQueryVariables>;
export const ReceiptDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Receipt"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachment"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"receipt"}}]}}]}}]} as unknown as DocumentNode<ReceiptQuery, ReceiptQueryVariables>;
export const UpdateFileDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"UpdateFile"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"UpdateAttachmentInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"updateAttachment"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachment"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}}]}}]}}]}}]} as unknown as DocumentNode<UpdateFileMutation, UpdateFileMutationVariables>;
export const DeleteDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Delete"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"permanently"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"Boolean"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deleteAttachment"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"ObjectValue","fields":[{"kind":"ObjectField","name":{"kind":"Name","value":"attachmentId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}},{"kind":"ObjectField","name":{"kind":"Name","value":"permanently"},"value":{"kind":"Variable","name":{"kind":"Name","value":"permanently"}}}]}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"receipt"}}]}}]}}]} as unknown as DocumentNode<DeleteMutation, DeleteMutationVariables>;
export const RestoreDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Restore"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"restoreAttachment"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"ObjectValue","fields":[{"kind":"ObjectField","name":{"kind":"Name","value":"attachmentId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}]}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachment"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}}]}}]}}]}}]} as unknown as DocumentNode<RestoreMutation, RestoreMutationVariables>;
export const DownloadDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Download"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachment"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"downloadUrl"}}]}}]}}]} as unknown as DocumentNode<DownloadQuery, DownloadQueryVariables>;
export const VersionsDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Versions"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"first"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"Int"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"after"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachment"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"versions"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"Variable","name":{"kind":"Name","value":"first"}}},{"kind":"Argument","name":{"kind":"Name","value":"after"},"value":{"kind":"Variable","name":{"kind":"Name","value":"after"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"nodes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"version"}},{"kind":"Field","name":{"kind":"Name","value":"isCurrent"}},{"kind":"Field","name":{"kind":"Name","value":"fileName"}},{"kind":"Field","name":{"kind":"Name","value":"contentType"}},{"kind":"Field","name":{"kind":"Name","value":"size"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"documentKey"}},{"kind":"Field","name":{"kind":"Name","value":"downloadUrl"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"expiresIn"},"value":{"kind":"IntValue","value":"3600"}}]},{"kind":"Field","alias":{"kind":"Name","value":"sha256"},"name":{"kind":"Name","value":"digest"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hash"}}]}},{"kind":"Field","name":{"kind":"Name","value":"createdBy"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"pageInfo"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hasNextPage"}},{"kind":"Field","name":{"kind":"Name","value":"endCursor"}}]}}]}}]}}]}}]} as unknown as DocumentNode<VersionsQuery, VersionsQueryVariables>;
export const ReplaceDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Replace"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ReplaceContentInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"replaceContent"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"version"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"version"}},{"kind":"Field","name":{"kind":"Name","value":"status"}}]}}]}}]}}]} as unknown as DocumentNode<ReplaceMutation, ReplaceMutationVariables>;
export const SharesDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Shares"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"first"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"Int"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"after"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachment"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"shareLinks"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"Variable","name":{"kind":"Name","value":"first"}}},{"kind":"Argument","name":{"kind":"Name","value":"after"},"value":{"kind":"Variable","name":{"kind":"Name","value":"after"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"nodes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}},{"kind":"Field","name":{"kind":"Name","value":"revokedAt"}},{"kind":"Field","name":{"kind":"Name","value":"lastUsedAt"}},{"kind":"Field","name":{"kind":"Name","value":"downloads"}},{"kind":"Field","name":{"kind":"Name","value":"maxDownloads"}},{"kind":"Field","name":{"kind":"Name","value":"createdBy"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"pageInfo"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hasNextPage"}},{"kind":"Field","name":{"kind":"Name","value":"endCursor"}}]}}]}}]}}]}}]} as unknown as DocumentNode<SharesQuery, SharesQueryVariables>;
export const CreateShareDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"CreateShare"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"CreateShareLinkInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"createShareLink"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"url"}},{"kind":"Field","name":{"kind":"Name","value":"shareLink"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}}]}}]}}]}}]} as unknown as DocumentNode<CreateShareMutation, CreateShareMutationVariables>;
export const RevokeShareDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"RevokeShare"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"revokeShareLink"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"ObjectValue","fields":[{"kind":"ObjectField","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}]}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"shareLink"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}}]}}]}}]}}]} as unknown as DocumentNode<RevokeShareMutation, RevokeShareMutationVariables>;
export const HistoryDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"History"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"first"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"Int"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"after"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"auditLog"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"filter"},"value":{"kind":"ObjectValue","fields":[{"kind":"ObjectField","name":{"kind":"Name","value":"attachmentId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}]}},{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"Variable","name":{"kind":"Name","value":"first"}}},{"kind":"Argument","name":{"kind":"Name","value":"after"},"value":{"kind":"Variable","name":{"kind":"Name","value":"after"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"nodes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"action"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"details"}},{"kind":"Field","name":{"kind":"Name","value":"principal"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"kind"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"pageInfo"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hasNextPage"}},{"kind":"Field","name":{"kind":"Name","value":"endCursor"}}]}}]}}]}}]} as unknown as DocumentNode<HistoryQuery, HistoryQueryVariables>;