import type { ServerResponse } from 'node:http';

/**
 * Calls back when the answer has been sent or its client has gone, or at once if that is over: Node tells of it one time only, and a
 * client may go while the service looks up who asks, and what for. Whatever is held for a request is freed by this.
 */
export function onceClosed(answer: Pick<ServerResponse, 'destroyed' | 'once'>, callback: () => void): void {
  if (answer.destroyed) callback();
  else answer.once('close', callback);
}
