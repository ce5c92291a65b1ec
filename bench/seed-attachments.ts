import type { SeedDialect } from './seed-dialect.js';

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
const recordId = 'CAST(n / 10 AS text)';
/** Rows `n` where a record begins, and where the record of row `n` began. */
const isFirst = 'n % 10 = 0';
const first = 'n - n % 10';
/** From 100 bytes to 20 MB, and a figure of seven digits that never repeats, in no order. */
const size = '(n * 104729) % 20000000 + 100';
const figure = '1000000 + (n * 7919) % 1000003';

const kind = 'CASE WHEN n % 10 < 5 THEN 0 WHEN n % 10 < 7 THEN 1 WHEN n % 10 < 9 THEN 2 ELSE 3 END';
const contentType = choose(kind, ['application/pdf', 'image/png', 'image/jpeg', 'text/plain']);
const extension = choose(kind, ['.pdf', '.png', '.jpg', '.txt']);
const word = choose('n % 7', ['Invoice', 'Offer', 'Contract', 'Report', 'Drawing', 'Minutes', 'Photo']);

/**
 * Statements that fill the tables of an empty service with attachments, their blobs, links and creators. They want to run
 * without indexes, which take a fraction of the time when they are made at the end.
 */
export function seedStatements(dialect: SeedDialect, seed: Seed): string[] {
  const statements = [principals, blobs, attachments, recordFields, links];
  return [...statements.map((statement) => statement(seed, dialect)), ...dialect.afterNames];
}

function principals({ organizationId, viewerId }: Seed): string {
  const ids = [viewerId, otherCreatorId, 'user-2', 'user-3', 'user-4'];
  const rows = ids.map((id) => `('${organizationId}', '${id}', 'USER', 'The user ${id}')`);
  return `INSERT INTO principals (organization_id, id, kind, name) VALUES ${rows} ON CONFLICT DO NOTHING`;
}

function blobs(seed: Seed, dialect: SeedDialect): string {
  const id = uuid(seed, dialect, 1);
  const hour = dialect.hourOf(instant(seed));
  return `${dialect.numbers(seed.count)}
    INSERT INTO blobs (id, organization_id, document_key, size, md5, sha256, verdict, created_at)
    SELECT ${id}, '${seed.organizationId}', ${hour} || '/${seed.organizationId}/' || ${id}, ${size},
      ${dialect.randomHex(16)}, ${dialect.randomHex(32)},
      CASE WHEN n % 500 = 250 THEN 'REJECTED' ELSE 'APPROVED' END, ${instant(seed)}
    FROM numbers`;
}

function attachments(seed: Seed, dialect: SeedDialect): string {
  const creator = choose('(n / 7) % 5', [seed.viewerId, otherCreatorId, 'user-2', 'user-3', 'user-4']);
  const tomorrow = startedAt + 86_400_000;
  // A number sorts behind the count of its digits.
  const name = (space: string) => `${word} || '${space}' || ${dialect.digits(figure, 7)} || ${extension}`;
  const unlessUnclaimed = (value: string) => `CASE WHEN ${isUnclaimed} THEN NULL ELSE ${value} END`;
  return `${dialect.numbers(seed.count)}
    INSERT INTO attachments (id, organization_id, blob_id, shared, file_name, search_name, sort_name, content_type, size,
      record_type, record_id, created_by_id, created_at, updated_at, claimed_at, expires_at)
    SELECT ${uuid(seed, dialect, 2)}, '${seed.organizationId}', ${uuid(seed, dialect, 1)}, NOT (${isUnclaimed}),
      ${name(' ')}, LOWER(${name(' ')}), LOWER(${name(' 7')}), ${contentType}, ${size},
      ${unlessUnclaimed(`'${recordType}'`)}, ${unlessUnclaimed(recordId)}, ${creator},
      ${instant(seed)}, ${instant(seed)}, ${unlessUnclaimed(instant(seed))},
      CASE WHEN ${isUnclaimed} THEN ${tomorrow} ELSE NULL END
    FROM numbers`;
}

function recordFields(seed: Seed, dialect: SeedDialect): string {
  return `${dialect.numbers(seed.count)}
    INSERT INTO record_fields (id, organization_id, record_type, record_id, name, version)
    SELECT ${uuid(seed, dialect, 3)}, '${seed.organizationId}', '${recordType}', ${recordId}, 'attachments', 1
    FROM numbers WHERE ${isFirst}`;
}

function links(seed: Seed, dialect: SeedDialect): string {
  return `${dialect.numbers(seed.count)}
    INSERT INTO links (field_id, attachment_id, position, created_at)
    SELECT ${uuid(seed, dialect, 3, first)}, ${uuid(seed, dialect, 2)}, n % 10, ${instant(seed)}
    FROM numbers WHERE NOT (${isUnclaimed})`;
}

/** When row `n` came into being, in milliseconds. */
function instant({ count }: Seed, n = 'n'): string {
  return `(${startedAt - count * step} + (${n}) * ${step})`;
}

/** A version 7 uuid of that instant, another one for each `table`. */
function uuid(seed: Seed, { hex }: SeedDialect, table: number, n = 'n'): string {
  const ms = instant(seed, n);
  const parts = [
    hex(`${ms} >> 16`, 8),
    `'-' || ${hex(`${ms} & 65535`, 4)}`,
    `'-7' || ${hex(String(table), 3)}`,
    `'-8' || ${hex(`(${n}) % 4096`, 3)}`,
    `'-' || ${hex(n, 12)}`,
  ];
  return `(${parts.join(' || ')})`;
}

function choose(expression: string, values: readonly string[]): string {
  return `CASE ${expression} ${values.map((value, index) => `WHEN ${index} THEN '${value}'`).join(' ')} END`;
}
