/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
/** Every condition given must hold; of the values of one condition, any. */
export type AttachmentFilter = {
  /** True: only those that a record has claimed. False: only the others. */
  claimed?: boolean | null | undefined;
  /** By any of its names, a family such as image/*, or *\/* for all. At most 100 items of 255 characters. */
  contentType?: Array<string> | null | undefined;
  /** Only those created later than this. */
  createdAfter?: string | null | undefined;
  /** Only those created earlier than this. */
  createdBefore?: string | null | undefined;
  /** The id of the principal that created it. At most 255 characters. */
  createdBy?: string | number | null | undefined;
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

/** The order of a list of attachments. Equal ones are ordered by id. */
export type AttachmentOrder = {
  /** Ascending or descending. */
  direction?: OrderDirection;
  /** The value that counts. */
  field?: AttachmentOrderField;
};

/** The values that attachments can be ordered by. */
export type AttachmentOrderField =
  /** The time of creation. */
  | 'CREATED_AT'
  /** Without case or accents, and numbers by their value: file9, file10, Zebra. */
  | 'FILE_NAME'
  /** The size in bytes. */
  | 'SIZE';

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

/** The direction of an order. */
export type OrderDirection =
  /** From the least to the greatest. */
  | 'ASC'
  /** From the greatest to the least. */
  | 'DESC';

/** Names a record of the host application. */
export type RecordInput = {
  /** Its id there, at most 255 characters. At most 255 characters. */
  id: string | number;
  /** Its kind, such as WorkPackage; at most 255 characters. At most 255 characters. */
  type: string;
};

export type FilesQueryVariables = Exact<{
  filter?: AttachmentFilter | null | undefined;
  orderBy?: AttachmentOrder | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type FilesQuery = { attachments: { nodes: Array<{ id: string, fileName: string, contentType: string, size: number, status: AttachmentStatus, createdAt: string, expiresAt: string | null, preview: string | null, createdBy: { id: string, name: string | null }, record: { id: string, type: string, recordId: string } | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type CountFilesQueryVariables = Exact<{
  filter?: AttachmentFilter | null | undefined;
}>;


export type CountFilesQuery = { attachments: { totalCount: number, totalCountIsExact: boolean } };


export const FilesDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Files"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"filter"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"AttachmentFilter"}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"orderBy"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"AttachmentOrder"}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"first"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"Int"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"after"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachments"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"filter"},"value":{"kind":"Variable","name":{"kind":"Name","value":"filter"}}},{"kind":"Argument","name":{"kind":"Name","value":"orderBy"},"value":{"kind":"Variable","name":{"kind":"Name","value":"orderBy"}}},{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"Variable","name":{"kind":"Name","value":"first"}}},{"kind":"Argument","name":{"kind":"Name","value":"after"},"value":{"kind":"Variable","name":{"kind":"Name","value":"after"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"nodes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"fileName"}},{"kind":"Field","name":{"kind":"Name","value":"contentType"}},{"kind":"Field","name":{"kind":"Name","value":"size"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}},{"kind":"Field","name":{"kind":"Name","value":"preview"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"size"},"value":{"kind":"IntValue","value":"128"}},{"kind":"Argument","name":{"kind":"Name","value":"fit"},"value":{"kind":"EnumValue","value":"COVER"}}]},{"kind":"Field","name":{"kind":"Name","value":"createdBy"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}},{"kind":"Field","name":{"kind":"Name","value":"record"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"type"}},{"kind":"Field","name":{"kind":"Name","value":"recordId"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"pageInfo"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hasNextPage"}},{"kind":"Field","name":{"kind":"Name","value":"endCursor"}}]}}]}}]}}]} as unknown as DocumentNode<FilesQuery, FilesQueryVariables>;
export const CountFilesDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"CountFiles"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"filter"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"AttachmentFilter"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"attachments"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"filter"},"value":{"kind":"Variable","name":{"kind":"Name","value":"filter"}}},{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"IntValue","value":"0"}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"totalCount"}},{"kind":"Field","name":{"kind":"Name","value":"totalCountIsExact"}}]}}]}}]} as unknown as DocumentNode<CountFilesQuery, CountFilesQueryVariables>;