import type { Client } from '../../support/client.js';

export interface DirectTarget {
  url: string;
  headers: { 'content-type': string };
  documentKey: string;
}

/** Leave to upload `content`, plain text, directly. */
export async function createTarget(client: Client, content: string | Buffer): Promise<DirectTarget> {
  const { createUploadTarget } = await client.ask<{
    createUploadTarget: { target: { url: string; documentKey: string } };
  }>(
    `mutation ($size: SafeInt!) {
      createUploadTarget(input: { fileName: "a.txt", contentType: "text/plain", size: $size }) { target { url documentKey } }
    }`,
    { size: Buffer.byteLength(content) },
  );
  return { ...createUploadTarget.target, headers: { 'content-type': 'text/plain' } };
}
