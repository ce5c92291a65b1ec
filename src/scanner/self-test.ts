import { gzipSync } from 'node:zlib';
import type { Scanner, ScanOutcome } from './scanner.js';

/** Layers of the archive that is too deep to be looked through; clamd's own default limit is 17. */
const archiveDepth = 1_000;
/** Made once: the self-test is made before and after scans. */
let archive: Uint8Array | null = null;

/** Throws unless `scanner` finds the EICAR test file. */
export async function assertFindsEicar(scanner: Scanner, signal: AbortSignal): Promise<void> {
  const outcome = await scanner.scan(only(Buffer.from(eicarString)), signal);
  if (outcome.outcome === 'infected') return;
  throw new Error(`${scanner.name} does not find the EICAR test file: ${describe(outcome)}.`);
}

/**
 * Throws where `scanner` calls clean what it has not looked through. A file above its size limits would show that, but the
 * limits are not known and such a file may be large; the same switch of clamd (`AlertExceedsMax`) decides on archives
 * that are too deep, and one of those takes 20 KiB and a few milliseconds.
 */
export async function assertAdmitsLimits(scanner: Scanner, signal: AbortSignal): Promise<void> {
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

/**
 * The EICAR test file: harmless text that every scanner reports. It stands here in two halves, so that no scanner takes
 * this file, or what is built from it, for the test file itself.
 */
export const eicarString = [
  String.raw`X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR`,
  '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*',
].join('');
