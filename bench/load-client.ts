import type { LoadBounds, LoadRequest } from './load.js';
import { runLoad } from './load.js';

/*
 * A load from a process of its own, told by its parent: one message is one load, and its answer the rate. A body comes as text.
 */

export interface LoadOrder {
  origin: string;
  request: Omit<LoadRequest, 'body'> & { body: string[] };
  bounds: LoadBounds;
}

process.on('message', async ({ origin, request, bounds }: LoadOrder) => {
  const body = request.body.map((piece) => Buffer.from(piece));
  const { rate, latencies } = await runLoad(origin, { ...request, body }, bounds);
  process.send?.({ rate, answered: latencies.length });
});
process.once('disconnect', () => process.exit());
