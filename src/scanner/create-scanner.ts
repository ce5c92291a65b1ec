import { Readable } from 'node:stream';
import { type ClamdAddress, ClamdConnection, type ClamdTimeouts } from './clamd-connection.js';
import type { Scanner, ScanOutcome } from './scanner.js';
import { assertAdmitsLimits, assertFindsEicar, eicarString } from './self-test.js';

const defaultPort = 3310;

/** The scanner that the setting SCANNER names: `none`, `eicar`, `clamd://host:port` or `clamd:///socket`. Throws for anything else. */
export function createScanner(setting: string): Scanner {
  if (setting === 'none') return new NoScanner();
  if (setting === 'eicar') return new EicarScanner();
  return new ClamdScanner(parseClamdAddress(setting));
}

function parseClamdAddress(setting: string): ClamdAddress {
  const { protocol, hostname, port, pathname } = new URL(setting);
  if (protocol !== 'clamd:') throw new Error('There is no scanner of that kind.');
  if (hostname === '') return { path: decodeURIComponent(pathname) };
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? defaultPort : Number(port) };
}

/** No scanner: everything is called clean, unread. */
class NoScanner implements Scanner {
  readonly name = 'none';
  readonly isActive = false;

  async scan(content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ScanOutcome> {
    signal.throwIfAborted();
    for await (const _chunk of takeUntil(content, signal)) break;
    return { outcome: 'clean' };
  }

  async selfTest(): Promise<void> {}
}

const wanted = Buffer.from(eicarString);
const overlap = wanted.length - 1;

/** Finds the EICAR test string, anywhere in the content, and nothing else: for trying the flow without a real scanner. */
class EicarScanner implements Scanner {
  readonly name = 'eicar';
  readonly isActive = true;

  async scan(content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ScanOutcome> {
    let tail = Buffer.alloc(0);
    for await (const chunk of takeUntil(content, signal)) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      const border = Buffer.concat([tail, bytes.subarray(0, overlap)]);
      if (border.includes(wanted) || bytes.includes(wanted)) {
        return { outcome: 'infected', signature: 'Eicar-Test-Signature' };
      }
      tail = Buffer.from(bytes.length < overlap ? border.subarray(-overlap) : bytes.subarray(-overlap));
    }
    signal.throwIfAborted();
    return { outcome: 'clean' };
  }

  async selfTest(signal = new AbortController().signal): Promise<void> {
    await assertFindsEicar(this, signal);
  }
}

/** clamd itself gives a scan 2 minutes (its MaxScanTime), and then says so. */
const defaultTimeouts: ClamdTimeouts = { connect: 10_000, send: 60_000, reply: 150_000, close: 1_000 };

/** ClamAV's daemon. The content is streamed to it, so the two need not share a file system. */
export class ClamdScanner implements Scanner {
  readonly name = 'clamd';
  readonly isActive = true;
  readonly #address: ClamdAddress;
  readonly #timeouts: ClamdTimeouts;

  constructor(address: ClamdAddress, timeouts: Partial<ClamdTimeouts> = {}) {
    this.#address = address;
    this.#timeouts = { ...defaultTimeouts, ...timeouts };
  }

  async scan(content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ScanOutcome> {
    signal.throwIfAborted();
    const connection = new ClamdConnection(this.#address, this.#timeouts);
    const giveUp = () => connection.close();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await connection.start();
      for await (const chunk of takeUntil(content, connection.unsendable))
        await connection.sendContent(chunk);
      const outcome = await connection.finish();
      signal.throwIfAborted();
      return outcome;
    } finally {
      signal.removeEventListener('abort', giveUp);
      connection.close();
    }
  }

  async selfTest(signal = new AbortController().signal): Promise<void> {
    await assertFindsEicar(this, signal);
    await assertAdmitsLimits(this, signal);
  }
}

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
