/** Names as RFC 6838 restricts them, so that `*` is no type. */
const name = '[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}';
const mediaType = new RegExp(`^[ \\t]*(${name}/${name})[ \\t]*(?:;\\P{Cc}*)?$`, 'u');

/** `type/subtype` of a media type, in lower case and without its parameters; null where it is not one. */
export function parseMediaType(text: string): string | null {
  return mediaType.exec(text)?.[1]?.toLowerCase() ?? null;
}
