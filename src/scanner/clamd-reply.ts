import type { ScanOutcome } from './scanner.js';

/**
 * Reads clamd's whole reply to `zINSTREAM`, up to the end of the connection. Only `stream: OK` is clean and only
 * `stream: <name> FOUND` is infected, each with its one terminating NUL; all else is no verdict.
 */
export function parseClamdReply(reply: Uint8Array): ScanOutcome {
  if (reply.length === 0) return noVerdict('clamd closed the connection without an answer');
  const end = reply.indexOf(0);
  if (end < 0) return noVerdict('clamd closed the connection within its answer');
  if (end !== reply.length - 1) return noVerdict('clamd answered more than once');
  const text = decode(reply.subarray(0, end));
  if (text === 'stream: OK') return { outcome: 'clean' };
  const signature = text === null ? undefined : foundSignature.exec(text)?.[1];
  if (signature === undefined) return noVerdict(`clamd answered "${printable(reply.subarray(0, end))}"`);
  if (limitSignature.test(signature))
    return noVerdict(`clamd could not look through all of it: ${signature}`);
  return { outcome: 'infected', signature };
}

/** A name may hold colons and spaces, but nothing invisible. */
const foundSignature = /^stream: ((?! )[^\p{C}\p{Zl}\p{Zp}]{1,500}(?<! )) FOUND$/u;

/**
 * With `AlertExceedsMax yes` clamd "finds" this in what exceeds its limits. That is not malware, and not clean either:
 * nobody has looked.
 */
const limitSignature = /^Heuristics\.Limits\.Exceeded(\.|$)/;

const noVerdict = (reason: string): ScanOutcome => ({ outcome: 'no verdict', reason });

/** Null where the bytes are not UTF-8. A byte order mark is kept: no exact answer begins with one. */
function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The beginning of an answer as it may stand in a log. */
function printable(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 100))
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '?');
}
