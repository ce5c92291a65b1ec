import { withSqliteFile } from './sqlite-file.js';

/** How many attachments to make, and whose. */
export interface Seed {
  count: number;
  organizationId: string;
  /** The principal that will read them; it made a fifth of them itself. */
  viewerId: string;
}

export const recordType = 'WorkPackage';
export const otherCreatorId = 'user-1';
export const claimedShare = 0.95;

/** Milliseconds between one attachment and the next; the newest is a moment old. */
const step = 30_000;
const startedAt = Date.now();

/** Every 20th attachment is unclaimed. Every 10 in a row have one record, and are linked to it in their order. */
const isUnclaimed = 'n % 20 = 19';
const recordId = 'n / 10';
/** Rows `n` where a record begins, and where the record of row `n` began. */
const isFirst = 'n % 10 = 0';
const first = 'n - n % 10';
/** From 100 bytes to 20 MB, and from seven figures that never repeat, in no order. */
const size = '(n * 104729) % 20000000 + 100';
const figures = "printf('%07d', (n * 7919) % 1000003)";

const kind = 'CASE WHEN n % 10 < 5 THEN 0 WHEN n % 10 < 7 THEN 1 WHEN n % 10 < 9 THEN 2 ELSE 3 END';
const contentType = choose(kind, ['application/pdf', 'image/png', 'image/jpeg', 'text/plain']);
const extension = choose(kind, ['.pdf', '.png', '.jpg', '.txt']);
const word = choose('n % 7', ['Invoice', 'Offer', 'Contract', 'Report', 'Drawing', 'Minutes', 'Photo']);

/**
 * Fills the embedded database of a service that does not run at present with attachments, their blobs, links and creators.
 * The indexes are made at the end, which takes a fraction of the time.
 */
export async function seedAttachments(path: string, seed: Seed): Promise<void> {
  await withSqliteFile(path, async (file) => {
    await file.exec('PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -200000');
    const indexes = await file.all<{ name: string; sql: string }>(
      "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    );
    await file.exec(indexes.map(({ name }) => `DROP INDEX "${name}";`).join('\n'));
    for (const insert of [principals, blobs, attachments, recordFields, links]) await file.exec(insert(seed));
    await file.exec(indexes.map(({ sql }) => `${sql};`).join('\n'));
    await file.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  });
}

function principals({ organizationId, viewerId }: Seed): string {
  const ids = [viewerId, otherCreatorId, 'user-2', 'user-3', 'user-4'];
  const rows = ids.map((id) => `('${organizationId}', '${id}', 'USER', 'The user ${id}')`);
  return `INSERT OR IGNORE INTO principals (organization_id, id, kind, name) VALUES ${rows}`;
}

function blobs(seed: Seed): string {
  const id = uuid(seed, 1);
  const hour = `strftime('%Y-%m-%d/%H', ${instant(seed)} / 1000, 'unixepoch')`;
  return `${numbers(seed)}
    INSERT INTO blobs (id, organization_id, document_key, size, md5, sha256, verdict, created_at)
    SELECT ${id}, '${seed.organizationId}', ${hour} || '/${seed.organizationId}/' || ${id}, ${size},
      lower(hex(randomblob(16))), lower(hex(randomblob(32))),
      iif(n % 500 = 250, 'REJECTED', 'APPROVED'), ${instant(seed)}
    FROM numbers`;
}

function attachments(seed: Seed): string {
  const creator = choose('(n / 7) % 5', [seed.viewerId, otherCreatorId, 'user-2', 'user-3', 'user-4']);
  const tomorrow = startedAt + 86_400_000;
  return `${numbers(seed)}
    INSERT INTO attachments (id, organization_id, blob_id, shared, file_name, content_type, size,
      record_type, record_id, created_by_id, created_at, updated_at, claimed_at, expires_at)
    SELECT ${uuid(seed, 2)}, '${seed.organizationId}', ${uuid(seed, 1)}, NOT ${isUnclaimed},
      ${word} || ' ' || ${figures} || ${extension}, ${contentType}, ${size},
      iif(${isUnclaimed}, NULL, '${recordType}'), iif(${isUnclaimed}, NULL, ${recordId}), ${creator},
      ${instant(seed)}, ${instant(seed)}, iif(${isUnclaimed}, NULL, ${instant(seed)}),
      iif(${isUnclaimed}, ${tomorrow}, NULL)
    FROM numbers`;
}

function recordFields(seed: Seed): string {
  return `${numbers(seed)}
    INSERT INTO record_fields (id, organization_id, record_type, record_id, name, version)
    SELECT ${uuid(seed, 3)}, '${seed.organizationId}', '${recordType}', ${recordId}, 'attachments', 1
    FROM numbers WHERE ${isFirst}`;
}

function links(seed: Seed): string {
  return `${numbers(seed)}
    INSERT INTO links (field_id, attachment_id, position, created_at)
    SELECT ${uuid(seed, 3, first)}, ${uuid(seed, 2)}, n % 10, ${instant(seed)}
    FROM numbers WHERE NOT ${isUnclaimed}`;
}

/** The rows `n` from 0. */
function numbers({ count }: Seed): string {
  return `WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ${count})`;
}

/** When row `n` came into being, in milliseconds. */
function instant({ count }: Seed, n = 'n'): string {
  return `(${startedAt - count * step} + (${n}) * ${step})`;
}

/** A version 7 uuid of that instant, another one for each `table`. */
function uuid(seed: Seed, table: number, n = 'n'): string {
  const ms = instant(seed, n);
  return `printf('%08x-%04x-7%03x-8%03x-%012x', ${ms} >> 16, ${ms} & 65535, ${table}, (${n}) % 4096, ${n})`;
}

function choose(expression: string, values: readonly string[]): string {
  return `CASE ${expression} ${values.map((value, index) => `WHEN ${index} THEN '${value}'`).join(' ')} END`;
}
