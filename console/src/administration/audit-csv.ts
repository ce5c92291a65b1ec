import type { Api } from '../api';
import { saveAs } from '../save-as';
import { AuditDocument, type AuditFilter, type AuditQuery } from './graphql';

export type AuditEvent = AuditQuery['auditLog']['nodes'][number];

/** A spreadsheet takes more rows than this, and the page keeps all of them in memory. */
const mostEvents = 100_000;
const pageSize = 1_000;

/** All events that the filter describes, the newest first, up to a bound. `tell` hears how many there are by now. */
export async function eventsOf(
  api: Api,
  filter: AuditFilter,
  tell: (count: number) => void,
): Promise<AuditEvent[]> {
  const found: AuditEvent[] = [];
  let after: string | null = null;
  do {
    tell(found.length);
    const { nodes, pageInfo }: AuditQuery['auditLog'] = (
      await api.ask(AuditDocument, { filter, first: pageSize, after })
    ).auditLog;
    found.push(...nodes);
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after !== null && found.length < mostEvents);
  return found;
}

/** Hands the browser a file with the events. */
export const saveEvents = (events: readonly AuditEvent[]): void =>
  saveAs(new Blob([toCsv(events)], { type: 'text/csv;charset=utf-8' }), 'audit.csv');

const columns = {
  createdAt: ({ createdAt }) => createdAt,
  action: ({ action }) => action,
  attachmentId: ({ attachmentId }) => attachmentId,
  apiKeyId: ({ apiKeyId }) => apiKeyId,
  principalId: ({ principal }) => principal?.id ?? null,
  principalName: ({ principal }) => principal?.name ?? null,
  details: ({ details }) => (details === null ? null : JSON.stringify(details)),
} satisfies Record<string, (event: AuditEvent) => string | null>;

/** RFC 4180, with a byte order mark by which spreadsheets know UTF-8. */
function toCsv(events: readonly AuditEvent[]): string {
  const rows = events.map((event) => Object.values(columns).map((read) => cellOf(read(event) ?? '')));
  return `\ufeff${[Object.keys(columns), ...rows].map((row) => `${row.join(',')}\r\n`).join('')}`;
}

/** A text that a spreadsheet would calculate begins with an apostrophe. */
function cellOf(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
