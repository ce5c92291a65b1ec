import type { Attachment, Claimcheck } from '../../client/claimcheck.js';
import type { RecordInput } from '../../client/schema-types.js';
import { alignColumns, jsonLines, onOneLine } from '../output.js';
import {
  type ExitStatus,
  exitStatus,
  openSession,
  printer,
  type SessionOptions,
  tellFault,
  UsageError,
} from './session.js';

export interface ListCommandOptions extends SessionOptions {
  record?: RecordInput;
  field?: string;
  limit: number;
}

export interface UrlCommandOptions extends SessionOptions {
  expiresIn: number;
  inline?: boolean;
}

export interface LinkCommandOptions extends SessionOptions {
  record: RecordInput;
  field?: string;
  replace?: boolean;
  expectedVersion?: number;
}

export interface ShareCommandOptions extends SessionOptions {
  expiresIn?: number;
  downloads?: number;
}

const pageSize = 500;

const open = (options: SessionOptions) => openSession(options, { retries: 2 });

export async function list(options: ListCommandOptions): Promise<void> {
  if (options.field !== undefined && !options.record) throw new UsageError('--field needs --record.');
  const claimcheck = await open(options);
  const limit = options.limit === 0 ? Infinity : options.limit;
  const headings = options.json ? [] : [['ID', 'SIZE', 'STATUS', 'CREATED', 'NAME']];
  let count = 0;
  for await (const page of pagesOf(claimcheck, options)) {
    const shown = page.slice(0, limit - count);
    count += shown.length;
    const rows = shown.map((one) =>
      [one.id, String(one.size), one.status, one.createdAt, one.fileName].map(onOneLine),
    );
    const lines = options.json ? jsonLines(shown) : alignColumns([...headings.splice(0), ...rows]);
    for (const line of lines) process.stdout.write(`${line}\n`);
    if (shown.length < page.length) return remark(`There are more than ${limit}: --limit 0 lists all.`);
  }
}

const remark = (line: string): void => void process.stderr.write(`${line}\n`);

/** One more than the limit tells whether there are more. */
async function* pagesOf(
  claimcheck: Claimcheck,
  { record, field, limit }: ListCommandOptions,
): AsyncGenerator<Attachment[]> {
  if (record && field !== undefined) {
    yield (await claimcheck.field(record, field)).links.map(({ attachment }) => attachment);
    return;
  }
  const filter = record ? { record } : {};
  const first = limit === 0 ? pageSize : Math.min(pageSize, limit + 1);
  for (let after: string | null = null, isMore = true; isMore; ) {
    const { nodes, hasNextPage, endCursor } = await claimcheck.list({ filter, first, after });
    yield nodes;
    [after, isMore] = [endCursor, hasNextPage];
  }
}

export async function printUrl(id: string, options: UrlCommandOptions): Promise<void> {
  const { expiresIn, inline, json } = options;
  const disposition = inline ? 'INLINE' : 'ATTACHMENT';
  const url = await (await open(options)).downloadUrl(id, { expiresIn, disposition });
  printer(json)(url, { id, url });
}

export async function whoAmI(options: SessionOptions): Promise<void> {
  const viewer = await (await open(options)).viewer();
  const { principal, organizationId, permissions } = viewer;
  const name = principal.name === null ? '' : ` (${principal.name})`;
  const lines = [
    `${principal.kind} ${principal.id}${name}`,
    `organization ${organizationId}`,
    `permissions ${permissions.join(', ')}`,
  ];
  for (const line of options.json ? jsonLines([viewer]) : lines.map(onOneLine))
    process.stdout.write(`${line}\n`);
}

export async function claim(id: string, options: SessionOptions & { record: RecordInput }): Promise<void> {
  const { record, json } = options;
  const claimed = await (await open(options)).claim(id, record);
  const rest = claimed.alreadyClaimed ? 'was claimed before by' : 'is claimed by';
  printer(json)(`${id} ${rest} ${record.type}/${record.id}`, {
    ...claimed.attachment,
    alreadyClaimed: claimed.alreadyClaimed,
  });
}

export async function link(ids: string[], options: LinkCommandOptions): Promise<void> {
  const { record, field, replace, expectedVersion, json } = options;
  const mode = replace ? 'REPLACE' : 'ADD';
  const linked = await (await open(options)).link(ids, { record, field, mode, expectedVersion });
  if (json) printer(json)('', linked);
  else
    for (const { position, attachment } of linked.links)
      printer(false)(`${position} ${attachment.id} ${attachment.fileName}`, attachment);
}

export async function share(id: string, options: ShareCommandOptions): Promise<void> {
  const { expiresIn, downloads: maxDownloads, json } = options;
  const expiresAt = expiresIn === undefined ? undefined : new Date(Date.now() + expiresIn * 1_000);
  const shared = await (await open(options)).share(id, { expiresAt, maxDownloads });
  printer(json)(shared.url, { attachmentId: id, ...shared });
}

/** Each by itself: one that is refused keeps none of the others. */
export async function remove(ids: string[], options: SessionOptions): Promise<ExitStatus> {
  const claimcheck = await open(options);
  let status: ExitStatus = exitStatus.done;
  for (const id of ids) {
    try {
      await claimcheck.delete(id);
      printer(options.json)(id, { id, deleted: true });
    } catch (error) {
      status = Math.max(status, tellFault(error, id)) as ExitStatus;
      if (status === exitStatus.notReachable) return status;
    }
  }
  return status;
}
