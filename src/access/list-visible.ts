import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { maxPageSize, type Page, type PageRequest, type ReadPage } from '../database/page.js';
import { Parameters } from '../database/read-rows.js';
import { fault } from '../errors.js';
import { readFields, readFieldsOfRecords, readLinksOfFields } from '../links/read-fields.js';
import type { RecordRef } from '../model/record.js';
import { beforeLists } from './loaders.js';
import type { RecordAccess } from './record-access.js';

const leastRead = 100;
const maxRounds = 10;
/** Once a page has led to so many questions, no more rows are read for it. */
const maxAsked = 2_000;

/** Knows what may be shown. */
export interface Visibility<Item> {
  show(items: readonly Item[]): Promise<ReadonlySet<Item>>;
  /** Questions so far, of this page and others. */
  asked(): number;
}

/**
 * A full page of what `show` keeps: what is hidden leaves no gap, and is not what a cursor points at. The rows and questions
 * for one page are bounded: past the bound the page may be short, with a next one. If nothing is shown by then, this throws
 * BAD_USER_INPUT: the list is to be narrowed. What `show` throws fails the page as a whole.
 */
export async function listVisible<Item>(
  request: PageRequest,
  read: ReadPage<Item>,
  { show, asked }: Visibility<Item>,
): Promise<Page<Item>> {
  const { size, isLast } = request;
  if (size === 0) return read(request);
  let rest = { ...request, size: Math.min(Math.max(size + 1, leastRead), maxPageSize) };
  let shown: Page<Item>['edges'] = [];
  const askedBefore = asked();
  for (let round = 0; round < maxRounds && asked() - askedBefore < maxAsked; round += 1) {
    const page = await read(rest);
    const visible = await show(page.edges.map(({ node }) => node));
    const kept = page.edges.filter(({ node }) => visible.has(node));
    shown = isLast ? [...kept, ...shown] : [...shown, ...kept];
    const hasMore = shown.length > size;
    if (hasMore || !page.hasMore)
      return { edges: isLast ? shown.slice(-size) : shown.slice(0, size), hasMore };
    rest = isLast
      ? { ...rest, before: page.edges[0]?.cursor ?? rest.before }
      : { ...rest, after: page.edges.at(-1)?.cursor ?? rest.after };
  }
  if (shown.length > 0) return { edges: shown, hasMore: true };
  const msg = 'Too much of this list is hidden from you: narrow it by a filter.';
  throw fault('too_much_hidden', ['filter'], msg, { message: msg });
}

export interface ListArchivedDependencies {
  database: Pick<Database, 'read' | 'list'>;
  access: Pick<RecordAccess, 'mayView'>;
}

/** Ids that are read at once. */
const pageSize = 1_000;

/**
 * The ids of all attachments of a record that the viewer may see, or of one field: each once, the fields by name and in their order,
 * and then those that the record has claimed and no field of it holds. They are read while the caller goes on.
 */
export async function* listArchived(
  { database, access }: ListArchivedDependencies,
  viewer: Viewer,
  { record, field }: { record: RecordRef; field: string | null },
): AsyncGenerator<string> {
  const { read } = database;
  const fields =
    field === null
      ? await readFieldsOfRecords(read, viewer, [record])
      : await readFields(read, viewer, [{ record, name: field }]);
  const seen = new Set<string>();
  for (const { id, name } of fields) {
    if (!(await access.mayView(record, name))) continue;
    for (const { attachmentId } of await readLinksOfFields(read, [id])) {
      if (!seen.has(attachmentId)) yield attachmentId;
      seen.add(attachmentId);
    }
  }
  if (field !== null || !(await access.mayView(record, null))) return;
  for (let after: Claimed | undefined; ; ) {
    const last: Claimed | undefined = after;
    const page = await beforeLists(database).list(viewer.organizationId, read, (lists) =>
      readClaimed(lists, viewer, record, last),
    );
    for (const { id } of page) yield id;
    after = page.at(-1);
    if (page.length < pageSize) return;
  }
}

interface Claimed {
  id: string;
  created_at: number | string;
}

/** Those that the record has claimed and none of its fields holds, the oldest first. */
async function readClaimed(
  manager: EntityManager,
  { organizationId }: Viewer,
  record: RecordRef,
  after: Claimed | undefined,
): Promise<Claimed[]> {
  const sql = new Parameters(manager);
  const isRecords = (table: string) => `${table}.organization_id = ${sql.add(organizationId)}
    AND ${table}.record_type = ${sql.add(record.type)} AND ${table}.record_id = ${sql.add(record.id)}`;
  const isLater = after
    ? `AND (a.created_at, a.id) > (${sql.add(Number(after.created_at))}, ${sql.add(after.id)})`
    : '';
  return manager.query<Claimed[]>(
    `SELECT a.id AS id, a.created_at AS created_at FROM attachments a
      WHERE ${isRecords('a')} ${isLater} AND NOT EXISTS (SELECT 1 FROM links l
        JOIN record_fields f ON f.id = l.field_id WHERE l.attachment_id = a.id AND ${isRecords('f')})
      ORDER BY a.created_at, a.id LIMIT ${pageSize}`,
    sql.values,
  );
}
