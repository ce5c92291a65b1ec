import { ClaimcheckError, dataOf, errorOf, unreachable } from './client-error.js';
import { type Connection, read } from './connection.js';
import { chunksOf } from './platform.js';
import { abortWith, pause } from './retry.js';
import type { AttachmentFields, Operations, RecordInput } from './schema-types.js';

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
        if (!response.ok) throw errorOf(await read(response));
        onConnect?.();
        failures = 0;
        for await (const { event, data } of readEvents(response)) {
          if (event === 'complete') return;
          if (event === 'next') yield changeOf(data);
        }
        throw unreachable(new Error('the stream has ended'));
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof ClaimcheckError) || !error.isPassing || failures >= connection.retries)
          throw error;
        await pause(error.retryAfterSeconds, failures, signal);
      }
    }
  } finally {
    own.end();
  }
}

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
      const lines = message.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line) ?? []);
      const textOf = (name: string) =>
        lines.flatMap(([, key, rest]) => (key === name ? [rest] : [])).join('\n');
      yield { event: textOf('event'), data: textOf('data') };
    }
  }
}

async function* untilBroken(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunksOf(body);
  } catch (error) {
    throw unreachable(error);
  }
}
