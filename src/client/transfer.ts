import { errorOf } from './client-error.js';
import type { Connection } from './connection.js';
import type { Source } from './platform.js';
import { withRetries } from './retry.js';

/** In bytes of the file. */
export interface Progress {
  sent: number;
  total: number;
}

export interface TransferOptions {
  fileName: string;
  policy: string | undefined;
  signal: AbortSignal;
  onSent(bytes: number): void;
}

/** Brings the bytes of a large file to the service. Resolves with the key to create the attachment with. */
export async function sendToTarget(
  connection: Connection,
  source: Source,
  { fileName, policy, signal, onSent }: TransferOptions,
): Promise<string> {
  const input = { fileName, size: source.size, ...(policy === undefined ? {} : { policy }) };
  const { target } = (await connection.ask('CreateTarget', { input }, signal)).createUploadTarget;
  const headers = Object.fromEntries(target.headers.map(({ name, value }) => [name, value]));
  await withRetries({ retries: connection.retries, signal }, async () => {
    onSent(0);
    const { url } = target;
    const answer = await connection.platform.send({
      ...{ method: 'PUT', url, headers, body: source, signal, onSent },
    });
    if (answer.status >= 300) throw errorOf(answer);
  });
  return target.documentKey;
}
