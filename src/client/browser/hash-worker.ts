import { hashBlob } from './hash-blob.js';

const scope = self as unknown as Worker;

/** Takes one Blob and answers with its SHA-256. */
scope.onmessage = async ({ data }: MessageEvent<Blob>) => {
  try {
    scope.postMessage({ hash: await hashBlob(data) });
  } catch (error) {
    scope.postMessage({ fault: String(error) });
  }
};
