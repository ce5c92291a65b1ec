import type { EntityManager } from 'typeorm';
import * as z from 'zod';
import { BlobRow, type RejectionReason, ReleaseRow } from '../database/entities/blob.js';
import { readRows } from '../database/read-rows.js';
import type { Attempt, JobHandler, Jobs, NewJob } from '../jobs/jobs.js';
import type { ScannerTrust } from '../scanner/scanner.js';
import type { Storage } from '../storage/storage.js';
import { type Judgement, type RecordVerdictDependencies, recordVerdict } from './record-verdict.js';

export interface ScanBlobDependencies extends RecordVerdictDependencies {
  storage: Pick<Storage, 'read' | 'size'>;
  /** Throws, or gives no verdict, while it has not shown that it finds what it must. */
  scanner: Pick<ScannerTrust, 'scan' | 'assertTrusted'>;
  /** Milliseconds between attempts. */
  scanRetryMs: readonly number[];
  /** Told what each scan has come to in the end. */
  onVerdict?(outcome: VerdictOutcome): void;
}

export type VerdictOutcome = 'approved' | 'rejected' | 'failed';

const outcomes = { APPROVED: 'approved', REJECTED: 'rejected', SCAN_FAILED: 'failed' } as const;

const payloadSchema = z.object({ blobId: z.string() });

/** Files that one process scans at once. */
const concurrency = 8;

/**
 * Scans one blob and writes its verdict. Without one from the scanner, or where the bytes are not all there, the attempt
 * fails and is made again; after the last, a blob that has no verdict yet is SCAN_FAILED, and any other keeps the one it has.
 * A blob that has been released is approved, whatever the scanner would say.
 */
export function createScanBlob(deps: ScanBlobDependencies): JobHandler {
  return {
    retryDelaysMs: deps.scanRetryMs,
    concurrency,
    giveUp: (payload) => giveUp(deps, payload),
    run: async (payload, attempt) => {
      const { blobId } = payloadSchema.parse(payload);
      const { read } = deps.database;
      const [blob] = await readRows(read, BlobRow, (sql) => `id = ${sql.add(blobId)}`);
      if (!blob) return;
      const [release] = await readRows(read, ReleaseRow, (sql) => `blob_id = ${sql.add(blobId)}`);
      if (release) {
        await recordVerdict(deps, { blobId, from: blob.verdict, to: { verdict: 'APPROVED' } });
        return;
      }
      const judgement = await scan(deps, blob, attempt);
      if (!judgement) return;
      if (judgement.verdict !== 'PENDING') deps.onVerdict?.(outcomes[judgement.verdict]);
      const from = blob.verdict;
      if (judgement.verdict !== 'SCAN_FAILED' || from === 'PENDING') {
        await recordVerdict(deps, { blobId, from, to: judgement });
      }
    },
  };
}

/** A job that has used up its attempts without coming to an end, as when it ends the process, leaves no blob PENDING. */
async function giveUp(deps: RecordVerdictDependencies, payload: unknown): Promise<void> {
  const { blobId } = payloadSchema.parse(payload);
  await recordVerdict(deps, { blobId, from: 'PENDING', to: { verdict: 'SCAN_FAILED' } });
}

/** Null where the blob has been deleted meanwhile, perhaps by another process: its bytes go while they are being read. */
async function scan(
  deps: ScanBlobDependencies,
  blob: BlobRow,
  { signal, isLast }: Attempt,
): Promise<Judgement | null> {
  try {
    await deps.scanner.assertTrusted();
    return await scanContent(deps, blob, signal);
  } catch (error) {
    const { id, organizationId } = blob;
    if (!(await deps.database.read.existsBy(BlobRow, { id, organizationId }))) return null;
    if (isLast && !signal.aborted) return { verdict: 'SCAN_FAILED' };
    throw error;
  }
}

/** The size is looked at first, for a scanner may judge without reading all, and again while the bytes are read. */
async function scanContent(
  { storage, scanner }: ScanBlobDependencies,
  { documentKey, size }: BlobRow,
  signal: AbortSignal,
): Promise<Judgement> {
  const storedSize = await storage.size(documentKey);
  if (storedSize !== size) throw new Error(`${storedSize ?? 'No'} bytes are stored instead of ${size}.`);
  const content = await storage.read(documentKey);
  if (content === null) throw new Error('The bytes are not there.');
  try {
    const outcome = await scanner.scan(wholeContent(content, size), signal);
    if (outcome.outcome === 'clean') return { verdict: 'APPROVED' };
    if (outcome.outcome === 'infected') return reject(outcome.signature);
    throw new Error(`No verdict: ${outcome.reason}`);
  } finally {
    content.destroy();
  }
}

/** Findings of clamd that are no malware: its settings have it look for them. */
const otherFindings: readonly { names: RegExp; reason: RejectionReason; message: string }[] = [
  {
    names: /^(?:Heuristics\.(?:Encrypted|OLE2\.ContainsMacros|Structured)|PUA)\./,
    reason: 'POLICY',
    message: 'The scanner is set to let no such file pass.',
  },
  {
    names: /^Heuristics\.Broken\./,
    reason: 'CONTENT_TYPE',
    message: 'The scanner finds the file broken: it is not of the type that it begins like.',
  },
];

function reject(signature: string): Judgement {
  const { reason, message } = otherFindings.find(({ names }) => names.test(signature)) ?? {
    reason: 'MALWARE',
    message: 'The scanner has found malware in the file.',
  };
  return { verdict: 'REJECTED', rejection: { reason, message, signature: signature.slice(0, 255) } };
}

export const scanJob = 'scan-blob';

/** Has a blob scanned after the commit of the caller's transaction; once, however many ask for it before it begins. */
export function queueScan(
  jobs: Pick<Jobs, 'enqueue'>,
  manager: EntityManager,
  blobId: string,
): Promise<void> {
  return jobs.enqueue(manager, scanOf(blobId));
}

export const scanOf = (blobId: string): NewJob => ({
  kind: scanJob,
  payload: { blobId },
  key: `${scanJob}:${blobId}`,
});

/** The chunks of `content`, which must be exactly `size` bytes: throws at the first too many, or at its end where some are missing. */
async function* wholeContent(
  content: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array, void> {
  let count = 0;
  for await (const chunk of content) {
    count += chunk.byteLength;
    if (count > size) throw new Error(`More than ${size} bytes are stored.`);
    yield chunk;
  }
  if (count < size) throw new Error(`Of ${size} bytes only ${count} are stored.`);
}
