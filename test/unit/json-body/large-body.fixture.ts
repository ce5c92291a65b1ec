import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import {
  defaultJsonBodyLimits,
  maxJsonRequestSize,
} from '../../../src/graphql/json-body/json-body-limits.js';
import { type LongTextSource, readJsonBody } from '../../../src/graphql/json-body/read-json-body.js';
import { decodeBase64 } from '../../../src/intake/decode-base64.js';
import { intakeFromStream } from '../../../src/intake/from-stream.js';
import { createHasher } from '../../../src/intake/hash-content.js';
import type { Intake } from '../../../src/intake/intake.js';
import { parseDataUrl } from '../../../src/intake/parse-data-url.js';
import { createLocalStorage } from '../../../src/storage/local.js';

/**
 * Takes in the long texts of what it is sent, below the named directory. Prints its address, and answers what it has stored
 * with the longest pause of the event loop during the request and the most memory that the process has held.
 */
const [, , directory = ''] = process.argv;
const deps = {
  storage: createLocalStorage(directory),
  clock: () => new Date(),
  hasher: createHasher(),
  leases: { hold() {}, release: async () => {} },
};
const maxSize = 256 * 1024 * 1024;
const limits = { ...defaultJsonBodyLimits, maxFiles: 2, maxRequestSize: maxJsonRequestSize(2, maxSize) };
const organizationId = '0190b5a4-0000-7000-8000-000000000000';

async function receive({ kind, text }: LongTextSource): Promise<Intake> {
  const { contentType, content } =
    kind === 'dataUrl' ? await parseDataUrl(text) : { contentType: null, content: decodeBase64(text) };
  return intakeFromStream(deps, {
    organizationId,
    content,
    maxSize,
    fileName: null,
    declaredType: contentType,
  });
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const { taken } = await readJsonBody(request, limits, {
    receive,
    discard: ({ documentKey }) => deps.storage.remove(documentKey),
  });
  delay.disable();
  const stored = taken.map(({ size, sha256, declaredType }) => ({ size, sha256, declaredType }));
  const peakRss = readPeakRss();
  response.end(JSON.stringify({ stored, maxDelayMs: delay.max / 1e6, peakRss }));
}

const server = createServer((request, response) => void answer(request, response));
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});

/** In bytes, of this process alone: what `resourceUsage` says, it has inherited from the one that started it. */
function readPeakRss(): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}
