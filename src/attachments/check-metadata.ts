import type { Faults } from '../faults.js';
import { checkName } from './record.js';

/** What a client wants remembered with a file; `type` is an open set. */
export interface Metadata {
  type: string;
  attributes: Record<string, unknown> | null;
}

export const maxAttributesBytes = 16_384;

/** Notes every fault of metadata given as `input.metadata`. */
export function checkMetadata(faults: Faults, metadata: Metadata | null): void {
  if (!metadata) return;
  checkName(faults, metadata.type, ['input', 'metadata', 'type']);
  const bytes = metadata.attributes ? Buffer.byteLength(JSON.stringify(metadata.attributes)) : 0;
  if (bytes > maxAttributesBytes) {
    const msg = `The attributes take ${bytes} bytes as JSON; at most ${maxAttributesBytes} are allowed.`;
    faults.add('BAD_USER_INPUT', ['input', 'metadata', 'attributes'], 'too_long', msg, maxAttributesBytes);
  }
}
