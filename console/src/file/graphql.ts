/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
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

/** The formats of a description. */
export type TextFormat =
  /** GitHub's flavour, without HTML and images. */
  | 'MARKDOWN'
  /** Shown as it was typed, line breaks included. */
  | 'PLAIN';

export type FileQueryVariables = Exact<{
  id: string | number;
}>;


export type FileQuery = { attachment: { id: string, fileName: string, contentType: string, size: number, status: AttachmentStatus, documentKey: string, createdAt: string, updatedAt: string, claimedAt: string | null, expiresAt: string | null, url: string, downloadUrl: string | null, preview: string | null, image: { width: number, height: number } | null, sha256: { hash: string }, md5: { hash: string }, description: { format: TextFormat, html: string } | null, rejection: { reason: RejectionReason, message: string, signature: string | null, rejectedAt: string } | null, createdBy: { id: string, kind: PrincipalKind, name: string | null }, record: { id: string, type: string, recordId: string } | null, links: { nodes: Array<{ id: string, field: string, position: number, state: LinkState, record: { id: string, type: string, recordId: string } }>, pageInfo: { hasNextPage: boolean } } } | null };


export const FileDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"File"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachment"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"fileName"}},{"kind":"Field","name":{"kind":"Name","value":"contentType"}},{"kind":"Field","name":{"kind":"Name","value":"size"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"documentKey"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"updatedAt"}},{"kind":"Field","name":{"kind":"Name","value":"claimedAt"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}},{"kind":"Field","name":{"kind":"Name","value":"url"}},{"kind":"Field","name":{"kind":"Name","value":"downloadUrl"}},{"kind":"Field","name":{"kind":"Name","value":"preview"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"size"},"value":{"kind":"IntValue","value":"1024"}}]},{"kind":"Field","name":{"kind":"Name","value":"image"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"width"}},{"kind":"Field","name":{"kind":"Name","value":"height"}}]}},{"kind":"Field","alias":{"kind":"Name","value":"sha256"},"name":{"kind":"Name","value":"digest"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hash"}}]}},{"kind":"Field","alias":{"kind":"Name","value":"md5"},"name":{"kind":"Name","value":"digest"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"algorithm"},"value":{"kind":"EnumValue","value":"MD5"}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hash"}}]}},{"kind":"Field","name":{"kind":"Name","value":"description"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"format"}},{"kind":"Field","name":{"kind":"Name","value":"html"}}]}},{"kind":"Field","name":{"kind":"Name","value":"rejection"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"reason"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"signature"}},{"kind":"Field","name":{"kind":"Name","value":"rejectedAt"}}]}},{"kind":"Field","name":{"kind":"Name","value":"createdBy"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"kind"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}},{"kind":"Field","name":{"kind":"Name","value":"record"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"type"}},{"kind":"Field","name":{"kind":"Name","value":"recordId"}}]}},{"kind":"Field","name":{"kind":"Name","value":"links"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"IntValue","value":"100"}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"nodes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"position"}},{"kind":"Field","name":{"kind":"Name","value":"state"}},{"kind":"Field","name":{"kind":"Name","value":"record"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"type"}},{"kind":"Field","name":{"kind":"Name","value":"recordId"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"pageInfo"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hasNextPage"}}]}}]}}]}}]}}]} as unknown as DocumentNode<FileQuery, FileQueryVariables>;