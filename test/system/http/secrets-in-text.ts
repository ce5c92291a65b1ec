/** Every text in a log line, its names included; bytes written as numbers count as text. */
export function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'number'))
    return Buffer.from(value).toString('latin1');
  return Object.entries(value)
    .map(([key, member]) => `${key}\n${textOf(member)}`)
    .join('\n');
}

/** Whether 12 characters of the secret in a row are in the text, as they are or in hexadecimal, or all of it in base64. */
export function holdsPieceOf(secret: string, text: string): boolean {
  const pieces = Array.from({ length: secret.length - 11 }, (_, at) => secret.slice(at, at + 12));
  const spellings = pieces.flatMap((piece) => [piece, Buffer.from(piece).toString('hex')]);
  return [...spellings, ...base64Spellings(secret)].some((spelling) => text.includes(spelling));
}

/** Spellings of `secret` in the base64 of any text that holds it: it may start at the first, second or third byte of four letters. */
function base64Spellings(secret: string): string[] {
  return [0, 1, 2].map((offset) =>
    Buffer.from(' '.repeat(offset) + secret)
      .toString('base64')
      .slice(4, -4),
  );
}
