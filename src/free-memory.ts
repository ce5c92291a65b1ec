import type { Writable } from 'node:stream';
import { MessageChannel } from 'node:worker_threads';

const nowhere = new MessageChannel().port1;
nowhere.close();

/**
 * Frees the memory of bytes that nobody needs any more; they have no length from then on. V8 would do so once there are 32 MiB
 * of them. Bytes that share their memory with others are left to it.
 */
export function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) nowhere.postMessage(null, [buffer]);
}

/** Bytes that Node reads from a connection at a time. */
const readSize = 64 * 1024;

/**
 * Frees the memory of what one read from a connection has brought. From version 26 on Node leaves a read that fills more than half of its
 * memory as it is, so the rest of it is nobody's. Short buffers share a pool, which has as many bytes from version 24 on.
 */
export function freeRead(piece: Uint8Array): void {
  const { buffer, byteOffset, byteLength } = piece;
  const isRead = byteOffset === 0 && buffer.byteLength === readSize && byteLength > readSize / 2;
  freeMemory(isRead ? new Uint8Array(buffer) : piece);
}

/** Frees what is written to a stream by itself, as `pipe` writes it, once it has been sent. */
export function freeOnceSent(stream: Writable): void {
  const write = stream.write.bind(stream);
  stream.write = (chunk: Uint8Array) => write(chunk, () => freeMemory(chunk));
}
