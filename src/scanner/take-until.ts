import { Readable } from 'node:stream';

/**
 * The chunks of `content` up to its end or until `stop` is aborted, be it in the middle of waiting for a chunk. Throws what
 * `content` throws. Leaving the loop early releases the content, without waiting for one that hangs.
 */
export async function* takeUntil(
  content: AsyncIterable<Uint8Array>,
  stop: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const iterator = content[Symbol.asyncIterator]();
  let isOver = false;
  try {
    while (!stop.aborted) {
      const step = await unlessStopped(iterator.next(), stop);
      isOver = step?.done === true;
      if (step === null || step.done === true) return;
      yield step.value;
    }
  } catch (error) {
    isOver = true;
    throw error;
  } finally {
    if (!isOver) release(content, iterator);
  }
}

/** The result of `pending`; null if `stop` is aborted first. Leaves no listener on the signal. */
function unlessStopped<Value>(pending: Promise<Value>, stop: AbortSignal): Promise<Value | null> {
  return new Promise((resolve, reject) => {
    const stopped = () => resolve(null);
    stop.addEventListener('abort', stopped, { once: true });
    const settled = () => stop.removeEventListener('abort', stopped);
    pending.then(resolve, reject).finally(settled);
  });
}

/** An iterator that waits for its next chunk returns only after it; a stream can be destroyed at once. */
function release(content: AsyncIterable<Uint8Array>, iterator: AsyncIterator<Uint8Array>): void {
  if (content instanceof Readable) content.destroy();
  iterator.return?.().catch(() => undefined);
}
