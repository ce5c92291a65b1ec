import type { WebSocket } from 'ws';

export const tryAgainLater = 1013;

/** Time that a client may take to answer the closing of its socket. */
export const closingMs = 1_000;

/** Bytes of replies that may wait for one client to read them. */
const maxUnsent = 1024 * 1024;

/** Closes a socket, and cuts it off if its client does not answer. */
export function closeSoon(socket: WebSocket, code?: number, reason?: string): void {
  socket.close(code, reason);
  setTimeout(() => socket.terminate(), closingMs).unref();
}

/**
 * Sends replies to what a client says, which do not wait for each other: a client that reads none of them is cut off. Resolves
 * once the reply has left this process.
 */
export function createReplySender(socket: WebSocket): (text: string) => Promise<void> {
  let unsent = 0;
  return (text) =>
    new Promise((resolve) => {
      if (socket.readyState !== socket.OPEN) return resolve();
      if (unsent > maxUnsent) socket.terminate();
      unsent += text.length;
      // A socket that fails meanwhile is told of by its close.
      socket.send(text, () => {
        unsent -= text.length;
        resolve();
      });
    });
}

export interface PieceSender {
  /** Sends one message of these pieces, after those before it. Resolves once they have left this process, or never will. */
  sendPieces(pieces: readonly Buffer[]): Promise<void>;
  /** Whether the client has a message to take. */
  isSending(): boolean;
}

/** Sends messages one after the other, each once its client has taken the one before. A client that is too slow is closed. */
export function createPieceSender(socket: WebSocket, readingMs: number): PieceSender {
  let last = Promise.resolve();
  let isSending = false;
  const send = (pieces: readonly Buffer[]) =>
    new Promise<void>((resolve) => {
      if (socket.readyState !== socket.OPEN) return resolve();
      const onTooSlow = () => closeSoon(socket, tryAgainLater, 'Events are read too slowly');
      const timer = setTimeout(onTooSlow, readingMs).unref();
      isSending = true;
      const onSent = () => {
        isSending = false;
        clearTimeout(timer);
        resolve();
      };
      for (const [index, piece] of pieces.entries()) {
        const isLast = index === pieces.length - 1;
        socket.send(piece, { binary: false, fin: isLast }, isLast ? onSent : undefined);
      }
    });
  const sendPieces = (pieces: readonly Buffer[]) => {
    last = last.then(() => send(pieces));
    return last;
  };
  return { sendPieces, isSending: () => isSending };
}
