import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The answer that Node is sending on a connection just now; null if there is none. Answers to requests that came later wait behind it.
 * Node has no public name for it; its own handler of faults of clients asks for this one, too.
 */
export function answerUnderWay(socket: Socket): ServerResponse | null {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? null;
}
