import type { Client } from '../../support/client.js';

export interface StoreTarget {
  url: string;
  documentKey: string;
}

const contentType = 'application/octet-stream';

/** A target for so many bytes, whose URL is the store's own. */
export async function newTarget(client: Client, size: number): Promise<StoreTarget> {
  const { createUploadTarget } = await client.ask<{ createUploadTarget: { target: StoreTarget } }>(
    `mutation ($input: CreateUploadTargetInput!) {
      createUploadTarget(input: $input) { target { url documentKey } } }`,
    { input: { fileName: 'a.bin', contentType, size } },
  );
  return createUploadTarget.target;
}

/** Sends the bytes to the store, past the service. */
export async function sendToStore({ url }: StoreTarget, body: Buffer<ArrayBuffer>): Promise<void> {
  const response = await fetch(url, { method: 'PUT', body, headers: { 'content-type': contentType } });
  expect(response.status).toBe(200);
}

/** Brings the bytes to the store under a target of their own; the result is their document key. */
export async function bringToStore(client: Client, content: Buffer<ArrayBuffer>): Promise<string> {
  const target = await newTarget(client, content.length);
  await sendToStore(target, content);
  return target.documentKey;
}
