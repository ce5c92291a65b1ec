import type { LoadRequest } from './load.js';
import { claimedShare, otherCreatorId, recordType } from './seed-attachments.js';
import type { ServiceProcess } from './server-process.js';
import { askData, queryRequest } from './service-requests.js';
import { withSqliteFile } from './sqlite-file.js';

/** A service with so many attachments. */
export interface SeededService {
  service: ServiceProcess;
  /** The file of its embedded database. */
  path: string;
  count: number;
}

/** A page of `attachments`, as asked of one service. */
export interface PageQuery {
  name: string;
  /** The page must take about as long however many attachments there are. */
  isLimited: boolean;
  request(seeded: SeededService): Promise<LoadRequest>;
}

/** Reads rows behind the service's back. */
export type Find = <Row>(sql: string) => Promise<Row[]>;

export interface Order {
  field: 'CREATED_AT' | 'FILE_NAME' | 'SIZE';
  direction: 'ASC' | 'DESC';
  column: string;
}

const pageSize = 50;
const attachmentsQuery = (more = '') => `query Page(
  $first: Int!, $after: String, $filter: AttachmentFilter, $orderBy: AttachmentOrder
) {
  attachments(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
    edges { cursor node { id fileName contentType size status createdAt record { type id: recordId } createdBy { id name } } }
    pageInfo { hasNextPage endCursor }
    ${more}
  }
}`;

const newestFirst: Order = { field: 'CREATED_AT', direction: 'DESC', column: 'created_at' };
export const orders: readonly Order[] = [
  newestFirst,
  { field: 'FILE_NAME', direction: 'ASC', column: 'sort_name' },
  { field: 'SIZE', direction: 'DESC', column: 'size' },
];

export const pageQueries: readonly PageQuery[] = [
  ...orders.flatMap((order) => [
    orderedPage('first page', order, () => null),
    orderedPage('page in the middle', order, (claimed) => claimed / 2),
    orderedPage('last page', order, (claimed) => claimed - pageSize - 10),
  ]),
  filteredPage('of a record', () => ({ record: { type: recordType, id: '42' } })),
  filteredPage('of a creator', () => ({ createdBy: otherCreatorId })),
  filteredPage('of a content type', () => ({ contentType: ['image/png'] })),
  filteredPage('of a family of types', () => ({ contentType: ['image/*'] })),
  filteredPage('approved', () => ({ status: ['APPROVED'] })),
  filteredPage('rejected, 1 in 500', () => ({ status: ['REJECTED'] })),
  filteredPage('unclaimed', () => ({ claimed: false })),
  filteredPage('with a digest', async ({ path, count }) => ({ sha256: await findSha256(path, count / 2) })),
  filteredPage('named with a common word', () => ({ fileNameContains: 'invoice' })),
  filteredPage('named with what no name has', () => ({ fileNameContains: 'zebra' })),
  {
    name: 'first page with totalCount',
    isLimited: false,
    request: async ({ service }) =>
      queryRequest(service, attachmentsQuery('totalCount'), { first: pageSize }),
  },
];

/** The page behind so many of the claimed attachments, null being none; the default order is the limited one. */
function orderedPage(name: string, order: Order, behind: (claimed: number) => number | null): PageQuery {
  const { field, direction } = order;
  return {
    name: `${name}, ${field} ${direction}`,
    isLimited: order === newestFirst,
    async request(seeded) {
      const offset = behind(seeded.count * claimedShare);
      const find: Find = (sql) => withSqliteFile(seeded.path, (file) => file.all(sql));
      const after =
        offset === null ? null : await findCursor(seeded.service, find, order, Math.floor(offset));
      const variables = { first: pageSize, after, orderBy: { field, direction } };
      return queryRequest(seeded.service, attachmentsQuery(), variables);
    },
  };
}

function filteredPage(name: string, filter: (seeded: SeededService) => object | Promise<object>): PageQuery {
  return {
    name,
    isLimited: false,
    async request(seeded) {
      const variables = { first: pageSize, filter: await filter(seeded) };
      return queryRequest(seeded.service, attachmentsQuery(), variables);
    },
  };
}

/**
 * The cursor of a claimed attachment about `offset` rows down the order. Walking there page by page would take the
 * service minutes; a short list that the same attachment is in, that of its record, gives the same cursor.
 */
export async function findCursor(
  service: ServiceProcess,
  find: Find,
  order: Order,
  offset: number,
): Promise<string> {
  const { column, field, direction } = order;
  const [row] = await find<{ id: string; recordId: string }>(
    `SELECT id, record_id AS "recordId" FROM attachments WHERE record_id IS NOT NULL
     ORDER BY ${column} ${direction}, id ${direction} LIMIT 1 OFFSET ${offset}`,
  );
  if (row === undefined) throw new Error(`there are not ${offset} claimed attachments`);
  const filter = { record: { type: recordType, id: row.recordId } };
  const variables = { first: pageSize, filter, orderBy: { field, direction } };
  type Data = { attachments: { edges: { cursor: string; node: { id: string } }[] } };
  const { attachments } = await askData<Data>(
    service.origin,
    queryRequest(service, attachmentsQuery(), variables),
  );
  const edge = attachments.edges.find(({ node }) => node.id === row.id);
  if (edge === undefined) throw new Error(`the list of record ${row.recordId} lacks attachment ${row.id}`);
  return edge.cursor;
}

async function findSha256(path: string, offset: number): Promise<string> {
  const rows = await withSqliteFile(path, (file) =>
    file.all<{ sha256: string }>(`SELECT sha256 FROM blobs LIMIT 1 OFFSET ${offset}`),
  );
  return rows[0]?.sha256 ?? '';
}
