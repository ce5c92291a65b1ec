import { type Claimcheck, connect } from '../claimcheck.js';
import { type Answer, ClaimcheckError, onAbort, unreachable } from '../client-error.js';
import type { ClaimcheckOptions } from '../connection.js';
import { type Outgoing, type Platform, type Source, sourceOf } from '../platform.js';

/** As in Node, with files that the page was given in the place of paths. */
export const createClaimcheck = (options: ClaimcheckOptions): Claimcheck => connect(options, browserPlatform);

export type * from '../claimcheck.js';
export type { ClaimcheckErrorCode, ClaimcheckErrorDetail } from '../client-error.js';
export type { ClaimcheckOptions } from '../connection.js';
export type { ResumeStore } from '../platform.js';
export type { Progress } from '../resume.js';
export type * from '../schema-types.js';
export type { UploadOptions, WatchOptions, WatchTarget } from '../upload.js';
export { ClaimcheckError };

const browserPlatform: Platform = {
  open: async (file) => {
    if (typeof file === 'string') throw new TypeError('A page has no paths: give it a File or a Blob.');
    return sourceOf(file);
  },
  sha256: hashInWorker,
  send,
  store: {
    get: (key) => withStorage((storage) => storage.getItem(key)),
    set: (key, value) => void withStorage((storage) => storage.setItem(key, value)),
    remove: (key) => void withStorage((storage) => storage.removeItem(key)),
  },
};

/** A page may have none, or a full one: its uploads then begin again after a reload. */
function withStorage<T>(use: (storage: Storage) => T): T | null {
  try {
    return use(localStorage);
  } catch {
    return null;
  }
}

/** `fetch` tells nothing of what has gone out. */
async function send({ method, url, headers, body, signal, onSent }: Outgoing): Promise<Answer> {
  const content = !body || body instanceof FormData ? body : await body.blob();
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.onload = () => {
      const header = (name: string) => request.getResponseHeader(name);
      resolve({ status: request.status, text: request.responseText, header });
    };
    request.onerror = () => void assertReadable(content).then(() => reject(unreachable(undefined)), reject);
    request.onloadend = onAbort(signal, () => {
      request.abort();
      reject(signal?.reason);
    });
    request.upload.onprogress = ({ loaded }) => onSent(loaded);
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.send(content);
  });
}

/** A browser reads no file that has changed since it was chosen, and tells of it as of a connection that breaks. */
async function assertReadable(content: FormData | Blob | null): Promise<void> {
  for (const part of content instanceof FormData ? content.values() : [content])
    if (part instanceof Blob) await part.slice(0, 1).arrayBuffer();
}

/** In a worker, so that the page stays quick; in the page itself if it may have none. */
async function hashInWorker(source: Source, signal: AbortSignal | undefined): Promise<string> {
  const blob = await source.blob();
  try {
    return await askWorker(blob, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof NoWorker)) throw error;
    const { hashBlob } = await import('./hash-blob.js');
    return hashBlob(blob, signal);
  }
}

class NoWorker extends Error {}

function askWorker(blob: Blob, signal: AbortSignal | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = startWorker();
    const letGo = onAbort(signal, () => end(() => reject(signal?.reason)));
    const end = (settle: () => void) => {
      worker.terminate();
      letGo();
      settle();
    };
    // It could not be loaded.
    worker.onerror = () => end(() => reject(new NoWorker()));
    worker.onmessage = ({ data }: MessageEvent<{ hash: string } | { fault: string }>) =>
      end(() => ('hash' in data ? resolve(data.hash) : reject(new Error(data.fault))));
    worker.postMessage(blob);
  });
}

function startWorker(): Worker {
  try {
    return new Worker(new URL('./hash-worker.js', import.meta.url), { type: 'module' });
  } catch {
    throw new NoWorker();
  }
}
