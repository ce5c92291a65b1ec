import { type Answer, ClaimcheckError, errorOf } from './client-error.js';
import type { Platform, Source } from './platform.js';

/** In bytes of the file. */
export interface Progress {
  sent: number;
  total: number;
}

export interface Transfer {
  platform: Platform;
  source: Source;
  /** An upload by tus that exists. */
  url: string;
  signal: AbortSignal;
  onSent(bytes: number): void;
  /** Told at the beginning: bytes that the service has durably, so that the rest is sent. */
  onOffset(bytes: number): void;
}

/**
 * Brings the rest of the bytes to an upload by tus 1.0.0, in one attempt. Rejects with ClaimcheckError; an upload that is gone has
 * the status 404 or 410.
 */
export async function sendRest({ platform, source, url, signal, onSent, onOffset }: Transfer): Promise<void> {
  const ask = async (method: string, given: Record<string, string>, body: Source | null, from: number) => {
    const headers = { 'tus-resumable': '1.0.0', ...given };
    const request = { method, url, headers, body, signal, onSent: (bytes: number) => onSent(from + bytes) };
    const answer = await platform.send(request);
    if (answer.status >= 300) throw failureOf(answer);
    return Number(answer.header('upload-offset') ?? 0);
  };
  const offset = await ask('HEAD', {}, null, 0);
  onOffset(offset);
  onSent(offset);
  if (offset >= source.size) return;
  const headers = { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' };
  await ask('PATCH', headers, source.slice(offset, source.size), offset);
}

/** Answers to HEAD have no body. */
function failureOf(answer: Answer): unknown {
  try {
    return errorOf(answer);
  } catch (error) {
    return error;
  }
}

/** Whether the upload itself has ended, so that another one has to be made. */
export function isGone(error: unknown): boolean {
  return error instanceof ClaimcheckError && [403, 404, 410].includes(error.status ?? 0);
}
