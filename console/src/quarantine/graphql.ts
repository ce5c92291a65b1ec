/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
/** Every condition given must hold; of the values of one condition, any. */
export type AttachmentFilter = {
  /** True: only those that a record has claimed. False: only the others. */
  claimed?: boolean | null | undefined;
  /** By any of its names. An asterisk may stand for the second part, or for both. At most 100 items of 255 characters. */
  contentType?: Array<string> | null | undefined;
  /** Only those created later than this. */
  createdAfter?: string | null | undefined;
  /** Only those created earlier than this. */
  createdBefore?: string | null | undefined;
  /** The id of the principal that created it. At most 255 characters. */
  createdBy?: string | number | null | undefined;
  /** True: only those whose stored bytes are damaged or gone. False: only the others. */
  damaged?: boolean | null | undefined;
  /** True: only those in the trash. False: only the others. */
  deleted?: boolean;
  /** Case and the form of Unicode do not count: äpf finds Äpfel. From 3 characters on it has an index. At most 255 characters. */
  fileNameContains?: string | null | undefined;
  /** At most 100 items of 255 characters. */
  ids?: Array<string | number> | null | undefined;
  /** True: only those that at least one field holds. False: only the others. */
  linked?: boolean | null | undefined;
  /** Claimed by this record, or linked to it. */
  record?: RecordInput | null | undefined;
  /** The SHA-256 of the content, as 64 hexadecimal digits. At most 255 characters. */
  sha256?: string | null | undefined;
  /** Any of these verdicts. At most 100 items. */
  status?: Array<AttachmentStatus> | null | undefined;
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

/** Names a record of the host application. */
export type RecordInput = {
  /** Its id there, at most 255 characters. At most 255 characters. */
  id: string | number;
  /** Its kind, such as WorkPackage; at most 255 characters. At most 255 characters. */
  type: string;
};

/** The kinds of reasons for a rejection. */
export type RejectionReason =
  /** The scanner finds it broken: not of the type that it begins like. */
  | 'CONTENT_TYPE'
  /** The scanner knows it as malware. */
  | 'MALWARE'
  /** The scanner is set to let no such file pass, such as an encrypted one or one with macros. */
  | 'POLICY';

export type RefusedQueryVariables = Exact<{
  filter?: AttachmentFilter | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type RefusedQuery = { attachments: { nodes: Array<{ id: string, fileName: string, contentType: string, size: number, status: AttachmentStatus, createdAt: string, expiresAt: string | null, createdBy: { id: string, name: string | null }, record: { type: string, recordId: string } | null, rejection: { reason: RejectionReason, message: string, signature: string | null, rejectedAt: string } | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type RescanMutationVariables = Exact<{
  id: string | number;
}>;


export type RescanMutation = { rescanAttachment: { attachment: { id: string, status: AttachmentStatus } } | null };

export type ReleaseMutationVariables = Exact<{
  id: string | number;
  reason: string;
}>;


export type ReleaseMutation = { releaseAttachment: { attachment: { id: string, status: AttachmentStatus } } | null };


export const RefusedDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Refused"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"filter"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"AttachmentFilter"}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"first"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"Int"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"after"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachments"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"filter"},"value":{"kind":"Variable","name":{"kind":"Name","value":"filter"}}},{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"Variable","name":{"kind":"Name","value":"first"}}},{"kind":"Argument","name":{"kind":"Name","value":"after"},"value":{"kind":"Variable","name":{"kind":"Name","value":"after"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"nodes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"fileName"}},{"kind":"Field","name":{"kind":"Name","value":"contentType"}},{"kind":"Field","name":{"kind":"Name","value":"size"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}},{"kind":"Field","name":{"kind":"Name","value":"createdBy"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}},{"kind":"Field","name":{"kind":"Name","value":"record"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"type"}},{"kind":"Field","name":{"kind":"Name","value":"recordId"}}]}},{"kind":"Field","name":{"kind":"Name","value":"rejection"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"reason"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"signature"}},{"kind":"Field","name":{"kind":"Name","value":"rejectedAt"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"pageInfo"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hasNextPage"}},{"kind":"Field","name":{"kind":"Name","value":"endCursor"}}]}}]}}]}}]} as unknown as DocumentNode<RefusedQuery, RefusedQueryVariables>;
export const RescanDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Rescan"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"rescanAttachment"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"ObjectValue","fields":[{"kind":"ObjectField","name":{"kind":"Name","value":"attachmentId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}]}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachment"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"status"}}]}}]}}]}}]} as unknown as DocumentNode<RescanMutation, RescanMutationVariables>;
export const ReleaseDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Release"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"reason"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"releaseAttachment"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"ObjectValue","fields":[{"kind":"ObjectField","name":{"kind":"Name","value":"attachmentId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}},{"kind":"ObjectField","name":{"kind":"Name","value":"reason"},"value":{"kind":"Variable","name":{"kind":"Name","value":"reason"}}}]}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachment"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"status"}}]}}]}}]}}]} as unknown as DocumentNode<ReleaseMutation, ReleaseMutationVariables>;