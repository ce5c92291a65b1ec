import type { ScanOutcome } from './scanner.js';

const foundPattern = /^stream: (\P{Cc}{1,255}) FOUND$/u;

/** With `AlertExceedsMax yes` clamd calls what is past its limits so: it has not been scanned whole, and nothing was found. */
const limitPattern = /^Heuristics\.Limits\.Exceeded/;

/** Reads clamd's reply to INSTREAM, without its final NUL. Only the exact words count; whatever else it says is no verdict. */
export function parseClamdReply(reply: string): ScanOutcome {
  if (reply === 'stream: OK') return { outcome: 'clean' };
  const signature = foundPattern.exec(reply)?.[1];
  if (signature !== undefined && !limitPattern.test(signature)) return { outcome: 'infected', signature };
  return {
    outcome: 'no verdict',
    reason: reply === '' ? 'clamd gave no reply' : `clamd said: ${printable(reply)}`,
  };
}

function printable(reply: string): string {
  return reply.slice(0, 200).replace(/[^ -~]/gu, '?');
}
