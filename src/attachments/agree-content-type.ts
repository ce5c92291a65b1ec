import type { AttachmentErrorCode } from '../errors.js';
import { detectContentType } from './detect-content-type.js';

export async function agreeContentType({
  head,
  fileName,
}: {
  head: Uint8Array;
  fileName: string;
  declared: string | null;
  acceptedTypes: ReadonlyMap<string, ReadonlySet<string>> | null;
}): Promise<
  { contentType: string } | { fault: { code: AttachmentErrorCode; loc: string[]; type: string; msg: string } }
> {
  return { contentType: await detectContentType(head, fileName) };
}

export const typesFor = (contentType: string, _fileName: string): string[] => [contentType];
export const extensionAgrees = (_contentType: string, _fileName: string): boolean => true;
