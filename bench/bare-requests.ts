import type { LoadRequest } from './load.js';
import type { ServerProcess } from './server-process.js';
import { ask } from './service-requests.js';

/** A POST to the bare server of as many bytes as `request` sends to the service: the very same. */
export function storeRequest(request: LoadRequest): LoadRequest {
  const length = request.headers['Content-Length'] ?? '0';
  return { method: 'POST', path: '/', headers: { 'Content-Length': length }, body: request.body };
}

/** Stores `content` on the bare server and gives the request that fetches it from there. */
export async function storedRequest(
  bare: ServerProcess,
  content: readonly Uint8Array[],
): Promise<LoadRequest> {
  const size = content.reduce((sum, part) => sum + part.length, 0);
  const headers = { 'Content-Length': String(size) };
  const answer = await ask(bare.origin, { method: 'POST', path: '/', headers, body: content });
  const { name } = JSON.parse(answer) as { name: string };
  return { method: 'GET', path: `/${name}`, headers: {}, body: [], answerSize: size };
}
