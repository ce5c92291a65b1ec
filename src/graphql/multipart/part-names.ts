/** The characters of windows-1252 that bytes from 0x80 to 0x9F stand for; five of them stand for none, and are controls. */
const windowsCharacters = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text of a parameter of a part's header, each character of which is a byte as sent: UTF-8, as all browsers and libraries write
 * it, or else windows-1252, as older programs do.
 */
export function decodePartName(bytes: string): string {
  try {
    return unescapePartName(strictUtf8.decode(Buffer.from(bytes, 'latin1')));
  } catch {
    const text = bytes.replace(
      /[\x80-\x9f]/g,
      (byte) => windowsCharacters[byte.charCodeAt(0) - 0x80] ?? byte,
    );
    return unescapePartName(text);
  }
}

/** The characters that browsers write in another way, and no others (HTML, multipart/form-data). */
const escapes: Readonly<Record<string, string>> = { '%22': '"', '%0D': '\r', '%0A': '\n' };

/** A name as it was before its browser wrote it into a header. Line ends come back too, for whoever checks names to refuse. */
export function unescapePartName(name: string): string {
  return name.replace(/%(?:22|0D|0A)/g, (escaped) => escapes[escaped] ?? escaped);
}

/** Whether the name in a part's headers has the form that says its character set and is escaped on its own (RFC 8187). */
export function hasExtendedName(headers: string): boolean {
  const [disposition = ''] = /^content-disposition:(?:[^\r]|\r\n[ \t])*/im.exec(headers) ?? [];
  return /;\s*filename\*=/i.test(disposition.replace(/"(?:[^"\\]|\\.)*"/g, '""'));
}
