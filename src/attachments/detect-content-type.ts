import { isTextType } from './content-type-names.js';
import { extensionOf, typesOfExtension } from './extension-types.js';
import { fitsContent } from './fits-content.js';
import { sniffContent } from './sniff-content.js';

/**
 * What a file is, from its first bytes; the name's extension, where there is one, only decides between formats that look
 * alike (kinds of text, and formats inside one container). `head` is up to the first 4 KiB.
 */
export async function detectContentType(head: Uint8Array, fileName = ''): Promise<string> {
  const content = await sniffContent(head);
  const named = typesOfExtension(extensionOf(fileName)).filter((type) => fitsContent(content, type));
  const textual = content.form === 'text' ? named.find(isTextType) : undefined;
  return named.find((type) => type === content.contentType) ?? textual ?? named[0] ?? content.contentType;
}
