import {
  abortWith,
  ClaimcheckError,
  dataOf,
  errorOf,
  isPassing,
  longestPauseMs,
  pause,
  unreachable,
  withRetries,
} from './client-error.js';
import { type Connection, read } from './connection.js';
import { chunksOf, type Source } from './platform.js';
import { randomKey } from './random-key.js';
import { type Progress, sendLarge } from './resume.js';
import type {
  AttachmentFields,
  AttachmentMetadataInput,
  CreateAttachmentInput,
  Operations,
  RecordInput,
  TextFormat,
} from './schema-types.js';

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
  const file = { name: input.fileName, content };
  return withRetries({ repeats: connection.repeats, signal }, async () => {
    tell(0);
    const { createAttachment } = await connection.postFile('Create', { input }, file, {
      signal,
      onSent: tell,
    });
    return createAttachment.attachment;
  });
}

/** An upload that an earlier run has begun for somebody else, of other bytes, or for another record ends with one of these. */
const othersCodes = /^(DOCUMENT_KEY_UNKNOWN|DIGEST_MISMATCH|IDEMPOTENCY_CONFLICT)$/;

/** The bytes go by tus while they are hashed. */
async function uploadLarge(
  connection: Connection,
  source: Source,
  options: UploadOptions,
  tell: (sent: number) => void,
): Promise<AttachmentFields> {
  const { signal, end } = abortWith(options.signal);
  try {
    const hashing = connection.platform.sha256(source, signal);
    // The transfer's own failure is told first, and ends the hashing.
    hashing.catch(() => undefined);
    /** Null: what an earlier run had begun is forgotten, and another attempt begins anew. */
    const attempt = async (isFirst: boolean) => {
      tell(0);
      const described = { ...describe(source, options, ''), signal, onSent: tell };
      const sent = await sendLarge(connection, source, described);
      const idempotencyKey = options.idempotencyKey ?? sent.idempotencyKey;
      const content = { documentKey: sent.documentKey };
      try {
        const input = { ...describe(source, { ...options, idempotencyKey }, await hashing), content };
        const { createAttachment } = await connection.ask('Create', { input }, options.signal);
        await sent.forget(false);
        return createAttachment.attachment;
      } catch (error) {
        if (!(error instanceof ClaimcheckError) || error.retryable) {
          sent.leave();
          throw error;
        }
        await sent.forget(true);
        const { code } = error;
        const isOwnKey = code === 'IDEMPOTENCY_CONFLICT' && options.idempotencyKey;
        if (isFirst && sent.isResumed && othersCodes.test(code) && !isOwnKey) return null;
        throw error;
      }
    };
    return (await attempt(true)) ?? ((await attempt(false)) as AttachmentFields);
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

/** One attachment, or all that a record claims or links to. */
export type WatchTarget = { attachmentId: string } | { record: RecordInput };

export interface WatchOptions {
  /** Ends it: the next step rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** Called at each connection. Changes before the first one, or between two, are not told: read the state now. */
  onConnect?: (() => void) | undefined;
}

/** The changes of what is watched, over as many connections as it takes. Ends if the service ends it. */
export async function* watchChanges(
  connection: Connection,
  target: WatchTarget,
  { signal, onConnect }: WatchOptions,
): AsyncGenerator<AttachmentFields, void, undefined> {
  const own = abortWith(signal);
  let begunAt = 0;
  let brief = 0;
  try {
    for (let failures = 0; ; failures += 1) {
      try {
        const response = await connection.post(
          'graphql/stream',
          'Changes',
          target,
          'text/event-stream',
          own.signal,
        );
        if (!isStream(response)) throw errorOf(await read(response));
        onConnect?.();
        failures = 0;
        begunAt = Date.now();
        for await (const { event, data } of readEvents(response)) {
          if (event === 'complete') return;
          if (event === 'next') yield changeOf(data);
        }
        throw unreachable(new Error('the stream has ended'));
      } catch (error) {
        signal?.throwIfAborted();
        if (failures >= connection.repeats || !isPassing(error)) throw error;
        // A proxy that ends each stream soon would have it begun anew several times a second.
        brief = Date.now() - begunAt < longestPauseMs ? brief + 1 : 0;
        await pause(error.retryAfterSeconds, Math.max(failures, brief - 1), signal);
      }
    }
  } finally {
    own.end();
  }
}

/** A page of a proxy may have the status 200, too. */
const isStream = ({ headers }: Response) => headers.get('content-type')?.startsWith('text/event-stream');

function changeOf(text: string): AttachmentFields {
  const data = dataOf({ status: 200, text, header: () => null }) as Operations['Changes']['data'];
  return data.attachmentChanged;
}

/** The events of a stream; comments are passed over. Throws ClaimcheckError if it breaks off. */
async function* readEvents({ body }: Response): AsyncGenerator<{ event: string; data: string }> {
  if (!body) return;
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of untilBroken(body as ReadableStream<Uint8Array>)) {
    text += decoder.decode(chunk, { stream: true });
    const messages = text.split('\n\n');
    text = messages.pop() ?? '';
    for (const message of messages) {
      // A text may have separators of Unicode, which end no line here.
      const lines = message.split('\n').map((line) => /^(\w*): ?(.*)$/s.exec(line) ?? []);
      const textOf = (name: string) =>
        lines.flatMap(([, key, rest]) => (key === name ? [rest] : [])).join('\n');
      yield { event: textOf('event'), data: textOf('data') };
    }
  }
}

/** The service says something every 12 s. A device that has slept is not told that its connection is gone. */
const longestSilenceMs = 40_000;

async function* untilBroken(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunksOf(body, longestSilenceMs);
  } catch (error) {
    throw unreachable(error);
  }
}
