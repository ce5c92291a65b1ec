const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An id as rows have it: a UUID is the same in capitals (RFC 9562), and any other text stays as it is. */
export function toId(text: string): string {
  return uuid.test(text) ? text.toLowerCase() : text;
}
