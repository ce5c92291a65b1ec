import { v7 as uuidv7 } from 'uuid';
import { permissions } from '../../../src/auth/viewer.js';
import { OrganizationRow, QuotaRow } from '../../../src/database/entities/organization.js';
import { type Answer, type Client, dataOf } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import type { TestService } from '../../support/service.js';
import { openTestDatabase, queryTestDatabase } from '../../support/test-database.js';

export interface Bounds {
  bytes?: number;
  attachments?: number;
}

/** A client of an organization of its own, with these bounds. */
export async function newTenant(
  service: Pick<TestService, 'url' | 'dataDirectory'>,
  bounds: Bounds,
): Promise<Client & { organizationId: string }> {
  const organizationId = uuidv7();
  const database = await openTestDatabase(service.dataDirectory);
  await database.write(async (manager) => {
    await manager.insert(OrganizationRow, {
      id: organizationId,
      name: organizationId,
      createdAt: new Date(),
    });
    await manager.insert(QuotaRow, {
      organizationId,
      maxBytes: bounds.bytes ?? null,
      maxAttachments: bounds.attachments ?? null,
    });
  });
  await database.close();
  const client = await newClient(service, { permissions: [...permissions], organizationId });
  return Object.assign(client, { organizationId });
}

export interface UsageData {
  bytes: number;
  maxBytes: number | null;
  attachments: number;
  maxAttachments: number | null;
}

export async function usageOf(client: Client): Promise<UsageData> {
  const { viewer } = await client.ask<{ viewer: { usage: UsageData } }>(
    '{ viewer { usage { bytes maxBytes attachments maxAttachments } } }',
  );
  return viewer.usage;
}

/** The same, counted from the rows. */
export async function actualUsage(
  { dataDirectory }: Pick<TestService, 'dataDirectory'>,
  organizationId: string,
): Promise<{ bytes: number; attachments: number }> {
  const of = (table: string, what: string) =>
    `(SELECT ${what} FROM ${table} WHERE organization_id = '${organizationId}')`;
  const [row] = await queryTestDatabase<{ bytes: number | string; attachments: number | string }>(
    dataDirectory,
    `SELECT ${of('blobs', 'COALESCE(SUM(size), 0)')} AS bytes, ${of('attachments', 'COUNT(*)')} + ${of('trashed_attachments', 'COUNT(*)')} AS attachments`,
  );
  return { bytes: Number(row?.bytes), attachments: Number(row?.attachments) };
}

export const codeOf = ({ errors }: Pick<Answer<unknown>, 'errors'>): string =>
  errors?.[0]?.extensions.code ?? 'ok';

export function tally(codes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

export interface Target {
  documentKey: string;
  url: string;
}

export const tryTarget = (client: Client, size: number) =>
  client.graphql<{ createUploadTarget: { target: Target } }>(
    'mutation ($size: SafeInt!) { createUploadTarget(input: { fileName: "a.bin", size: $size }) { target { documentKey url } } }',
    { size },
  );

export const newTarget = async (client: Client, size: number): Promise<Target> =>
  dataOf(await tryTarget(client, size)).createUploadTarget.target;

export const tryContent = (client: Client, content: object) =>
  client.graphql<{ createAttachment: { attachment: { id: string } } }>(
    `mutation ($content: AttachmentContentInput!) { createAttachment(input: { content: $content, fileName: "a.bin" }) {
      attachment { id } } }`,
    { content },
  );

export const tryCopy = (client: Client, attachmentId: string) =>
  client.graphql<{ copyAttachment: { attachment: { id: string } } }>(
    'mutation ($input: CopyAttachmentInput!) { copyAttachment(input: $input) { attachment { id } } }',
    { input: { attachmentId } },
  );

export const remove = (client: Client, id: string) =>
  client.ask<object>(
    'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { __typename } }',
    {
      id,
    },
  );

/**
 * The codes of this many at once, by how many there are. A busy machine says STORAGE_UNAVAILABLE honestly, and may have stored the file all
 * the same: those are sent again, and counted as `unavailable`.
 */
export async function tallyAtOnce(
  count: number,
  send: (index: number) => Promise<Answer<unknown>>,
): Promise<{ codes: Record<string, number>; unavailable: number }> {
  let unavailable = 0;
  const until = async (index: number): Promise<string> => {
    const code = codeOf(await send(index));
    if (code !== 'STORAGE_UNAVAILABLE') return code;
    unavailable += 1;
    return until(index);
  };
  const codes = await Promise.all(Array.from({ length: count }, (_, index) => until(index)));
  return { codes: tally(codes), unavailable };
}
