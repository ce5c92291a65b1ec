import { createHash, type Hash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';

/** A message to the thread about one of several contents: the next bytes, which lie in the shared memory, or the end. */
export type HashRequest =
  | { kind: 'update'; id: number; offset: number; length: number }
  | { kind: 'finish' | 'forget'; id: number };

/** Its answer: a piece of the memory has been read, or a digest. */
export type HashReply = { kind: 'read'; offset: number } | { kind: 'digest'; id: number; md5: string };

const memory: SharedArrayBuffer = workerData;
const hashes = new Map<number, Hash>();

function hashOf(id: number): Hash {
  const known = hashes.get(id);
  if (known !== undefined) return known;
  const hash = createHash('md5');
  hashes.set(id, hash);
  return hash;
}

function handle(request: HashRequest): HashReply | null {
  const { kind, id } = request;
  if (kind === 'update') {
    hashOf(id).update(new Uint8Array(memory, request.offset, request.length));
    return { kind: 'read', offset: request.offset };
  }
  const reply: HashReply | null =
    kind === 'finish' ? { kind: 'digest', id, md5: hashOf(id).digest('hex') } : null;
  hashes.delete(id);
  return reply;
}

parentPort?.on('message', (request: HashRequest) => {
  const reply = handle(request);
  if (reply !== null) parentPort?.postMessage(reply);
});
