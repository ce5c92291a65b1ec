import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import * as z from 'zod';
import type { ImportAttachmentDependencies, ImportedAttachment } from '../attachments/import-attachment.js';
import { isCleanText } from '../auth/identify.js';
import type { Viewer } from '../auth/viewer.js';
import type { Config } from '../config/config.js';
import { unreadable } from '../config/files.js';
import { toId } from '../database/typeorm.js';
import type { IntakeDependencies } from '../intake/from-stream.js';
import { createHasher } from '../intake/hash-content.js';
import { IntakeLeases } from '../intake/intake-leases.js';
import { MarkdownRenderer } from '../markdown/markdown-renderer.js';
import { Changes } from '../model/changes.js';
import { loadPolicies } from '../policies/load-policies.js';
import { Quotas } from '../quotas/quotas.js';
import { Reservations } from '../quotas/reservations.js';
import { createScanner } from '../scanner/create-scanner.js';
import { createMemoryStorage } from '../storage/memory.js';
import { resolveName } from '../webhooks/check-webhooks.js';
import { createWebhooks } from '../webhooks/fan-out.js';
import { relayConfiguredChanges } from '../wiring/background-work.js';
import {
  configuredInlining,
  openConfiguredDatabase,
  openConfiguredJobs,
  openConfiguredStorage,
  silentLog,
} from '../wiring/open-stores.js';

const name = z.string().refine(isCleanText, 'must be 1 to 255 characters, without control characters');
const hexadecimal = (length: number) =>
  z
    .string()
    .toLowerCase()
    .regex(new RegExp(`^[0-9a-f]{${length}}$`), `must be ${length} hexadecimal digits`);

const creator = z.union([
  name.transform((id) => ({ id, kind: 'USER' as const, name: null })),
  z.strictObject({
    id: name,
    kind: z.enum(['USER', 'SERVICE']).default('USER'),
    name: name.nullish().transform((given) => given ?? null),
  }),
]);

const line = z
  .strictObject({
    id: z
      .string()
      .regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'must be a UUID')
      .transform(toId),
    organizationId: name,
    fileName: z.string(),
    contentType: z.string().nullish(),
    size: z.int().min(0).nullish(),
    sha256: hexadecimal(64).nullish(),
    md5: hexadecimal(32).nullish(),
    createdAt: z.iso.datetime({ offset: true, error: 'must be an instant such as 2020-01-31T12:00:00Z' }),
    createdBy: creator,
    description: z.string().nullish(),
    metadata: z
      .strictObject({ type: z.string(), attributes: z.record(z.string(), z.unknown()).nullish() })
      .nullish(),
    record: z.strictObject({ type: z.string(), id: z.string() }).nullish(),
    field: z.string().nullish(),
    position: z.int().min(0).nullish(),
    path: z.string().min(1).nullish(),
    url: z.string().nullish(),
  })
  .refine(({ path, url }) => (path == null) !== (url == null), 'exactly one of path and url must be given');

/** A line of a list to import. */
export type ImportLine = z.infer<typeof line>;

/** Characters. The longest description and metadata take less, also if each character is escaped. */
const maxLine = 1_048_576;

/** The line, or the reason why it is none. */
export function readLine(text: string): { line: ImportLine } | { reason: string } {
  if (text.length > maxLine) return { reason: `it has more than ${maxLine} characters` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { reason: 'it is no JSON' };
  }
  const parsed = line.safeParse(value);
  if (parsed.success) return { line: parsed.data };
  const reasons = parsed.error.issues.map(({ path, message }) => [path.join('.'), message]);
  return { reason: reasons.map(([path, message]) => (path ? `${path}: ${message}` : message)).join('; ') };
}

/** Positions that a list gives attachments within their fields, by the ids of these. */
export type Positions = ReadonlyMap<string, number>;

/** The attachment that the line describes. */
export function toImported(given: ImportLine, positions: Positions): ImportedAttachment {
  const { id, fileName, description = null, metadata, record = null, field = null, sha256, md5 } = given;
  return {
    id,
    createdAt: new Date(given.createdAt),
    order: (ids) => inOrder(ids, id, positions),
    expected: { size: given.size ?? null, md5: md5 ?? null },
    input: {
      fileName,
      // A type that another system has noted is a hint, as that of a file part.
      contentType: null,
      description,
      descriptionFormat: 'MARKDOWN',
      metadata: metadata ? { type: metadata.type, attributes: metadata.attributes ?? null } : null,
      ...{ record, recordType: null, field, policy: null },
      digest: sha256 == null ? null : { algorithm: 'SHA256', hash: sha256 },
      idempotencyKey: null,
      webhooks: [],
    },
  };
}

/** Puts the newest, the last of them, before the first that the list has behind it. */
function inOrder(ids: readonly string[], id: string, positions: Positions): string[] {
  const own = positions.get(id);
  const others = ids.filter((other) => other !== id);
  const at = own === undefined ? -1 : others.findIndex((other) => (positions.get(other) ?? -1) > own);
  return at === -1 ? [...others, id] : [...others.slice(0, at), id, ...others.slice(at)];
}

/** The creator, as who the attachment is made. */
export function creatorOf({ createdBy }: ImportLine, organizationId: string): Viewer {
  return { organizationId, principal: createdBy, permissions: new Set(['attachments:write']), keyId: null };
}

/** A line of the list, with its content if that has come already. */
export interface Item {
  number: number;
  text: string;
  content?: Readable;
}

/** Lines end at a line feed alone: readline takes U+2028 for an end too from Node.js 24 on, and JSON may have it in a text. */
async function* readLines(path: string): AsyncGenerator<string> {
  let line = '';
  try {
    for await (const chunk of createReadStream(path, 'utf8') as AsyncIterable<string>) {
      const [rest = '', ...others] = chunk.split('\n');
      // The rest of a line that is too long is left out.
      line += rest.slice(0, Math.max(0, maxLine + 1 - line.length));
      for (const other of others) {
        yield line;
        line = other;
      }
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
  yield line;
}

/** The lines of a list, but for empty ones. */
export async function* readItems(path: string): AsyncGenerator<Item> {
  let number = 0;
  for await (const line of readLines(path)) {
    number += 1;
    // Windows puts a mark of the byte order before a list.
    const text = number === 1 ? line.replace(/^\uFEFF/, '') : line;
    if (text.trim() !== '') yield { number, text };
  }
}

/** All positions that a list gives. Throws if the list cannot be read a second time, as from a pipe. */
export async function readPositions(path: string): Promise<Positions> {
  const found = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (!found.isFile()) throw new Error(`${path} is no file: the list is read twice.`);
  const positions = new Map<string, number>();
  for await (const { text } of readItems(path)) {
    const read = readLine(text);
    if ('line' in read && read.line.position != null) positions.set(read.line.id, read.line.position);
  }
  return positions;
}

export type ImportDependencies = ImportAttachmentDependencies & IntakeDependencies;

/** Runs work with what an import stands on, and ends that. With `isDry` bytes stay in memory, and no room is made for them. */
export async function withImportDependencies<T>(
  config: Config,
  isDry: boolean,
  work: (deps: ImportDependencies) => Promise<T>,
): Promise<T> {
  const database = await openConfiguredDatabase(config);
  const { clock } = database;
  const changes = new Changes();
  const stopRelay = await relayConfiguredChanges(config, { changes }, silentLog);
  const jobs = await openConfiguredJobs(config, { database, clock, log: silentLog });
  const renderer = new MarkdownRenderer();
  const hasher = createHasher();
  const reservations = new Reservations(database);
  const { gracePeriodMs, unlinkedRetentionMs, quotaDefaults } = config;
  const quotas = new Quotas({ database, clock, reservations, quotaDefaults });
  try {
    return await work({
      ...{ database, clock, changes, jobs, renderer, hasher, gracePeriodMs, unlinkedRetentionMs },
      storage: isDry ? createMemoryStorage() : await openConfiguredStorage(config, database),
      policies: await loadPolicies(config.policiesFile, config.maxFileSize),
      scanner: createScanner(config.scanner),
      webhooks: createWebhooks({ ...config, jobs, resolveName }),
      leases: isDry ? { hold: () => {}, release: async () => {} } : new IntakeLeases(database),
      inlining: configuredInlining(config),
      quotas: isDry ? { of: async () => null } : quotas,
    });
  } finally {
    await renderer.close();
    await hasher.close();
    await jobs.stop(0);
    await stopRelay();
    await database.close();
  }
}
