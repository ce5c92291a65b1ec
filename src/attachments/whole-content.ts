/** The chunks of `content`, which must be exactly `size` bytes: throws at the first too many, or at its end where some are missing. */
export async function* wholeContent(
  content: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array, void> {
  let count = 0;
  for await (const chunk of content) {
    count += chunk.byteLength;
    if (count > size) throw new Error(`More than ${size} bytes are stored.`);
    yield chunk;
  }
  if (count < size) throw new Error(`Of ${size} bytes only ${count} are stored.`);
}
