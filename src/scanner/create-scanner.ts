import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { type ClamdAddress, ClamdConnection, type ClamdTimeouts } from './clamd-connection.js';
import type { Scanner, ScanOutcome } from './scanner.js';

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

/**
 * The EICAR test file: harmless text that every scanner reports. It stands here in two halves, so that no scanner takes
 * this file, or what is built from it, for the test file itself.
 */
export const eicarString = [
  String.raw`X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR`,
  '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*',
].join('');

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
async function* takeUntil(
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

/** Layers of the archive that is too deep to be looked through; clamd's own default limit is 17. */
const archiveDepth = 1_000;
/** Made once: the self-test is made before and after scans. */
let archive: Uint8Array | null = null;

/** Throws unless `scanner` finds the EICAR test file. */
async function assertFindsEicar(scanner: Scanner, signal: AbortSignal): Promise<void> {
  const outcome = await scanner.scan(only(Buffer.from(eicarString)), signal);
  if (outcome.outcome === 'infected') return;
  throw new Error(`${scanner.name} does not find the EICAR test file: ${describe(outcome)}.`);
}

/**
 * Throws where `scanner` calls clean what it has not looked through. A file above its size limits would show that, but the
 * limits are not known and such a file may be large; the same switch of clamd (`AlertExceedsMax`) decides on archives
 * that are too deep, and one of those takes 20 KiB and a few milliseconds.
 */
async function assertAdmitsLimits(scanner: Scanner, signal: AbortSignal): Promise<void> {
  archive ??= deepArchive();
  const outcome = await scanner.scan(only(archive), signal);
  if (outcome.outcome !== 'clean') return;
  throw new Error(
    `${scanner.name} calls clean what exceeds its limits; for clamd, set "AlertExceedsMax yes" in clamd.conf.`,
  );
}

/** The EICAR test file, wrapped over and over: malware for a scanner that gets to it. Only the innermost layer hides its text. */
function deepArchive(): Uint8Array {
  let archive = gzipSync(eicarString);
  for (let depth = 1; depth < archiveDepth; depth += 1) archive = gzipSync(archive, { level: 0 });
  return archive;
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function describe(outcome: ScanOutcome): string {
  return outcome.outcome === 'no verdict' ? outcome.reason : `it says "${outcome.outcome}"`;
}
