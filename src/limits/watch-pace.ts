import type { Readable } from 'node:stream';
import { AttachmentError, timeoutFault } from '../errors.js';
import { type PaceLimits, PaceWatch } from './pace-watch.js';

export interface WatchedContent {
  /** Aborted, with a fault of type `timeoutFault` as its reason, once the client is found too slow. */
  signal: AbortSignal;
  stop(): void;
}

/** Watches the pace of content that is piped away from this very moment on. While the pipe is full, nobody is too slow. */
export function watchPace(content: Readable, limits: PaceLimits): WatchedContent {
  const controller = new AbortController();
  const watch = new PaceWatch(limits, () => controller.abort(tooSlow()));
  const count = (chunk: Buffer) => watch.count(chunk.length);
  const pause = () => watch.pause();
  const resume = () => watch.resume();
  const stop = () => {
    watch.stop();
    content.off('data', count).off('pause', pause).off('resume', resume).off('end', stop);
  };
  content.on('data', count).on('pause', pause).on('resume', resume).on('end', stop);
  return { signal: controller.signal, stop };
}

function tooSlow(): AttachmentError {
  const msg = 'The request arrives too slowly.';
  return new AttachmentError('BAD_USER_INPUT', {
    message: msg,
    details: [{ loc: ['body'], msg, type: timeoutFault }],
  });
}
