import type { ServerResponse } from 'node:http';

/**
 * Calls back once the answer has been sent or its client has gone; at once where that has been, since Node tells of it one time only.
 * What is held for a request is freed so: its client may go while somebody looks up who asks, or what for.
 */
export function onceClosed(answer: Pick<ServerResponse, 'destroyed' | 'once'>, callback: () => void): void {
  if (answer.destroyed) callback();
  else answer.once('close', callback);
}
