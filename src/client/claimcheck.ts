import { ClaimcheckError, withRetries } from './client-error.js';
import { type ClaimcheckOptions, Connection } from './connection.js';
import type { Platform } from './platform.js';
import type {
  AttachmentFields,
  AttachmentFilter,
  AttachmentOrder,
  Disposition,
  LinkMode,
  LinkState,
  Operations,
  RecordInput,
} from './schema-types.js';
import {
  type UploadOptions,
  uploadFile,
  type WatchOptions,
  type WatchTarget,
  watchChanges,
} from './upload.js';

/** An attachment as the service describes it. */
export interface Attachment extends Omit<AttachmentFields, 'digest'> {
  /** Lowercase hexadecimal. */
  sha256: string;
}

export interface Claimed {
  attachment: Attachment;
  /** It was this record's before; nothing changed. */
  alreadyClaimed: boolean;
}

export interface FieldLink {
  position: number;
  state: LinkState;
  attachment: Attachment;
}

/** A record's field, in order. */
export interface Field {
  name: string;
  version: number;
  links: FieldLink[];
}

export interface LinkedField extends Field {
  rejected: Attachment[];
  unlinked: Attachment[];
}

export interface LinkOptions {
  record: RecordInput;
  /** `attachments` if left out. */
  field?: string | undefined;
  /** `ADD` if left out. */
  mode?: LinkMode | undefined;
  /** Refused with VERSION_CONFLICT unless the field is at this version. */
  expectedVersion?: number | undefined;
  holdSeconds?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface ListOptions {
  filter?: AttachmentFilter | undefined;
  orderBy?: AttachmentOrder | undefined;
  /** Items of the page, 0 to 1,000; 50 if left out. */
  first?: number | undefined;
  /** The `endCursor` of the page before. */
  after?: string | null | undefined;
  signal?: AbortSignal | undefined;
}

export interface Page {
  nodes: Attachment[];
  hasNextPage: boolean;
  endCursor: string | null;
}

export interface DownloadOptions {
  /** The first byte that is wanted. */
  from?: number | undefined;
  /** With `from`: the content it is a part of; another one comes whole. */
  sha256?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface DownloadUrlOptions {
  /** Seconds, 1 to 604800; 300 if left out. */
  expiresIn?: number | undefined;
  disposition?: Disposition | undefined;
  signal?: AbortSignal | undefined;
}

export interface ShareOptions {
  /** It works until then; until it is revoked if left out. */
  expiresAt?: Date | undefined;
  /** Any number if left out. */
  maxDownloads?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** A link that needs no credential. Its URL cannot be read again. */
export interface ShareLink {
  id: string;
  url: string;
  expiresAt: string | null;
  maxDownloads: number | null;
}

interface Cancellable {
  signal?: AbortSignal | undefined;
}

export type Viewer = Operations['Viewer']['data']['viewer'];

/** One service, as one credential sees it. Every method rejects with ClaimcheckError, or with the reason of its signal. */
export interface Claimcheck {
  /** Uploads a `File`, a `Blob`, or in Node the file at a path. */
  upload(file: Blob | string, options?: UploadOptions): Promise<Attachment>;
  /** The answer with the content in its body: status 206 for a part of it. */
  download(id: string, options?: DownloadOptions): Promise<Response>;
  /** A signed URL that needs no credential. Rejects with NOT_APPROVED until there is one. */
  downloadUrl(id: string, options?: DownloadUrlOptions): Promise<string>;
  /** Null if there is none or the credential may not see it. */
  get(id: string, options?: Cancellable): Promise<Attachment | null>;
  list(options?: ListOptions): Promise<Page>;
  /** A record's field, with what has no verdict yet. */
  field(record: RecordInput, name?: string, options?: Cancellable): Promise<Field>;
  claim(id: string, record: RecordInput, options?: Cancellable): Promise<Claimed>;
  link(ids: readonly string[], options: LinkOptions): Promise<LinkedField>;
  unlink(ids: readonly string[], options: Omit<LinkOptions, 'mode'>): Promise<LinkedField>;
  delete(id: string, options?: Cancellable): Promise<void>;
  /** A link to share the attachment by. */
  share(id: string, options?: ShareOptions): Promise<ShareLink>;
  /** Changes as they come. */
  watch(target: WatchTarget, options?: WatchOptions): AsyncGenerator<Attachment, void, undefined>;
  viewer(options?: Cancellable): Promise<Viewer>;
}

/** A client for one platform. */
export function connect(options: ClaimcheckOptions, platform: Platform): Claimcheck {
  const connection = new Connection(options, platform);
  return { ...readsOf(connection), ...changesOf(connection) };
}

function readsOf(
  connection: Connection,
): Pick<Claimcheck, 'download' | 'downloadUrl' | 'get' | 'list' | 'field' | 'watch' | 'viewer'> {
  return {
    download: async (id, { from = 0, sha256, signal } = {}) => {
      const match: Record<string, string> = sha256 === undefined ? {} : { 'if-range': `"${sha256}"` };
      const headers = from > 0 ? { range: `bytes=${from}-`, ...match } : {};
      return connection.get(`attachments/${encodeURIComponent(id)}`, headers, signal);
    },
    downloadUrl: async (id, { expiresIn = 300, disposition = 'ATTACHMENT', signal } = {}) => {
      const { attachment } = await connection.ask('DownloadUrl', { id, expiresIn, disposition }, signal);
      if (!attachment) throw notFound(id);
      if (attachment.downloadUrl !== null) return attachment.downloadUrl;
      const message = `The attachment is ${attachment.status}: it has no URL to download it by.`;
      throw new ClaimcheckError({ message, code: 'NOT_APPROVED' });
    },
    get: async (id, { signal } = {}) => {
      const { attachment } = await connection.ask('Get', { id }, signal);
      return attachment && attachmentOf(attachment);
    },
    list: async ({ signal, ...variables } = {}) => {
      const { nodes, pageInfo } = (await connection.ask('List', variables, signal)).attachments;
      return { nodes: nodes.map(attachmentOf), ...pageInfo };
    },
    field: async ({ type, id }, name = 'attachments', { signal } = {}) => {
      const { field } = (await connection.ask('Field', { type, id, field: name }, signal)).record;
      return { ...field, links: field.links.map(linkOf) };
    },
    watch: async function* (target, options = {}) {
      for await (const change of watchChanges(connection, target, options)) yield attachmentOf(change);
    },
    viewer: async ({ signal } = {}) => (await connection.ask('Viewer', {}, signal)).viewer,
  };
}

function changesOf(
  connection: Connection,
): Pick<Claimcheck, 'upload' | 'claim' | 'link' | 'unlink' | 'delete' | 'share'> {
  const link: Claimcheck['link'] = async (ids, { signal, mode = 'ADD', ...given }) => {
    const input = { ...given, mode, attachmentIds: [...ids] };
    const { field, links, rejected, unlinked } = (await connection.ask('Link', { input }, signal))
      .linkAttachments;
    return {
      ...field,
      links: links.map(linkOf),
      rejected: rejected.map(attachmentOf),
      unlinked: unlinked.map(attachmentOf),
    };
  };
  return {
    upload: async (file, options = {}) => attachmentOf(await uploadFile(connection, file, options)),
    claim: async (id, record, { signal } = {}) => {
      const input = { attachmentId: id, record };
      const { attachment, alreadyClaimed } = (await connection.ask('Claim', { input }, signal))
        .claimAttachment;
      return { attachment: attachmentOf(attachment), alreadyClaimed };
    },
    link,
    unlink: (ids, options) => link(ids, { ...options, mode: 'REMOVE' }),
    delete: (id, { signal } = {}) =>
      withRetries({ repeats: connection.repeats, signal }, async (failures) => {
        try {
          await connection.askOnce('Delete', { input: { attachmentId: id } }, signal);
        } catch (error) {
          // An attempt before this one has deleted it, and its answer was lost.
          const isGone = failures > 0 && error instanceof ClaimcheckError && error.code === 'NOT_FOUND';
          if (!isGone) throw error;
        }
      }),
    share: async (id, { expiresAt, maxDownloads, signal } = {}) => {
      const input = { attachmentId: id, expiresAt: expiresAt?.toISOString(), maxDownloads };
      // Asked once: an answer that is lost would leave a link that nobody knows of.
      const { url, shareLink } = (await connection.ask('Share', { input }, signal, 0)).createShareLink;
      return { ...shareLink, url };
    },
  };
}

export const notFound = (id: string) =>
  new ClaimcheckError({
    message: `There is no attachment ${id}, or it is not visible to you.`,
    code: 'NOT_FOUND',
  });

function attachmentOf({ digest, ...fields }: AttachmentFields): Attachment {
  return { ...fields, sha256: digest.hash };
}

function linkOf({
  attachment,
  ...link
}: Omit<FieldLink, 'attachment'> & { attachment: AttachmentFields }): FieldLink {
  return { ...link, attachment: attachmentOf(attachment) };
}
