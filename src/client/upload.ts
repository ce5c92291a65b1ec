import { ClaimcheckError } from './client-error.js';
import type { Connection } from './connection.js';
import type { Source } from './platform.js';
import { sendLarge } from './resume.js';
import { abortWith, withRetries } from './retry.js';
import type {
  AttachmentFields,
  AttachmentMetadataInput,
  CreateAttachmentInput,
  RecordInput,
  TextFormat,
} from './schema-types.js';
import type { Progress } from './transfer.js';

export interface UploadOptions {
  /** Claims it for this record at once. */
  record?: RecordInput | undefined;
  /** With `record`: appends it to this field. */
  field?: string | undefined;
  /** Without `record`: the kind of record that it is meant for, which chooses the policy. */
  recordType?: string | undefined;
  /** The file's own name if left out. */
  fileName?: string | undefined;
  description?: string | undefined;
  descriptionFormat?: TextFormat | undefined;
  metadata?: AttachmentMetadataInput | undefined;
  /** The name of a policy to check against. */
  policy?: string | undefined;
  /** Called as bytes go out, and once more with all of them. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Rejects with its reason once it is aborted. */
  signal?: AbortSignal | undefined;
  /** The same key and input make the same attachment; a random one if left out. */
  idempotencyKey?: string | undefined;
}

/** Files up to this size go in one request, larger ones by tus. */
export const oneRequestBytes = 8 * 1024 * 1024;

/** Uploads a file in the way that its size asks for, and creates the attachment once. */
export async function uploadFile(
  connection: Connection,
  file: Blob | string,
  options: UploadOptions,
): Promise<AttachmentFields> {
  options.signal?.throwIfAborted();
  const source = await connection.platform.open(file);
  const tell = createTeller(source.size, options.onProgress);
  const upload = source.size > oneRequestBytes ? uploadLarge : uploadSmall;
  const attachment = await upload(connection, source, options, tell);
  tell(source.size);
  return attachment;
}

/** All in one multipart request, with the digest of the bytes. */
async function uploadSmall(
  connection: Connection,
  source: Source,
  options: UploadOptions,
  tell: (sent: number) => void,
): Promise<AttachmentFields> {
  const { signal } = options;
  const content = await source.blob();
  const hash = await connection.platform.sha256(source, signal);
  const input = { ...describe(source, options, hash), content: { upload: null } };
  const file = { path: 'input.content.upload', name: input.fileName, content };
  return withRetries({ retries: connection.retries, signal }, async () => {
    tell(0);
    const { createAttachment } = await connection.postFile('Create', { input }, file, {
      signal,
      onSent: tell,
    });
    return createAttachment.attachment;
  });
}

/** The bytes go by tus while they are hashed. */
async function uploadLarge(
  connection: Connection,
  source: Source,
  options: UploadOptions,
  tell: (sent: number) => void,
): Promise<AttachmentFields> {
  const { signal, end } = abortWith(options.signal);
  const { fileName, idempotencyKey } = describe(source, options, '');
  try {
    const hashing = connection.platform.sha256(source, signal);
    // The transfer's own failure is told first, and ends the hashing.
    hashing.catch(() => undefined);
    tell(0);
    const { policy } = options;
    const sent = await sendLarge(connection, source, {
      fileName,
      policy,
      idempotencyKey,
      signal,
      onSent: tell,
    });
    const key = options.idempotencyKey ?? sent.idempotencyKey;
    const described = describe(source, { ...options, idempotencyKey: key }, await hashing);
    const input = { ...described, content: { documentKey: sent.documentKey } };
    const created = await connection
      .ask('Create', { input }, options.signal)
      .catch(async (error: unknown) => {
        if (error instanceof ClaimcheckError && !error.retryable) await sent.forget();
        throw error;
      });
    await sent.forget();
    return created.createAttachment.attachment;
  } finally {
    end();
  }
}

/** The input without its content. */
function describe(source: Source, options: UploadOptions, hash: string) {
  const { onProgress: _, signal: __, fileName, idempotencyKey = randomKey(), ...given } = options;
  return {
    ...given,
    fileName: fileName ?? (source.name || 'file'),
    idempotencyKey,
    digest: { algorithm: 'SHA256', hash },
  } satisfies Omit<CreateAttachmentInput, 'content'>;
}

/** `crypto.randomUUID` is missing on pages that came by plain HTTP. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Passes on what changes, and never more than there is. */
function createTeller(total: number, onProgress: UploadOptions['onProgress']): (sent: number) => void {
  let last = -1;
  return (bytes) => {
    const sent = Math.min(bytes, total);
    if (sent === last) return;
    last = sent;
    onProgress?.({ sent, total });
  };
}
