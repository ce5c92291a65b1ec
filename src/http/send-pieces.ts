import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { type PaceLimits, PaceWatch } from '../limits/pace-watch.js';

/** Sends a body piece by piece, as fast as the client reads, and ends the connection of one that does not read. */
export function sendPieces(reply: FastifyReply, pieces: readonly Buffer[], pace: PaceLimits): FastifyReply {
  const { raw } = reply;
  const watch = new PaceWatch(pace, () => raw.destroy());
  raw.once('close', () => watch.stop());
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return reply.header('content-length', length).send(Readable.from(readOut(pieces, watch)));
}

/** The next piece is asked for once the client has room for it, so the one before has been taken. */
function* readOut(pieces: readonly Buffer[], watch: PaceWatch): Generator<Buffer> {
  for (const piece of pieces) {
    yield piece;
    watch.count(piece.length);
  }
}
