import type { Socket } from 'node:net';

/** How many may come before the final answer, and how many bytes each may have. */
const maxInformational = 20;
const maxHeadBytes = 16_384;

const informational = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r]/;
/** Bytes of a status line that tell whether it is informational. */
const statusBytes = 'HTTP/1.1 100 '.length;

/**
 * Passes over what a receiver sends before its answer without being asked, such as `100 Continue`: the client's parser takes that
 * for a fault. A receiver that sends more than 20 of them is cut off.
 */
export function skipInformational(socket: Socket): void {
  const read = socket.read.bind(socket);
  let head = Buffer.alloc(0);
  let skipped = 0;
  let isPassed = false;

  /** The rest of `head` after informational answers; null while more is to come. */
  const rest = (): Buffer | null => {
    for (;;) {
      if (head.length < statusBytes) return null;
      if (!informational.test(head.toString('latin1', 0, statusBytes))) return head;
      const end = head.indexOf('\r\n\r\n');
      if (end === -1 && head.length <= maxHeadBytes) return null;
      skipped += 1;
      if (end === -1 || skipped > maxInformational) {
        socket.destroy(new TooManyInformationalError());
        return null;
      }
      head = head.subarray(end + 4);
    }
  };
  socket.read = (size?: number): unknown => {
    if (isPassed) return read(size);
    for (;;) {
      const chunk: unknown = read();
      // The parser refuses an answer that ends within its first line.
      if (!Buffer.isBuffer(chunk)) return chunk;
      head = Buffer.concat([head, chunk]);
      const answer = rest();
      if (answer === null) continue;
      isPassed = true;
      return answer;
    }
  };
}

class TooManyInformationalError extends Error {
  readonly code = 'TOO_MANY_INFORMATIONAL_ANSWERS';
}
