import type { EntityManager } from 'typeorm';
import { findOrganization } from '../auth/identify.js';
import type { Config } from '../config/config.js';
import type { Database } from '../database/database.js';
import { OrganizationRow, QuotaRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';
import { boundsOf, unbounded } from '../quotas/quotas.js';
import { correctUsage, type Recount, recountUsage } from '../quotas/usage.js';
import { openConfiguredDatabase } from '../wiring/open-stores.js';
import { alignColumns, jsonLines } from './output.js';

export interface SetQuotaOptions {
  /** Name or id; the oldest one without it. */
  organization?: string;
  bytes?: string;
  attachments?: string;
}

export const set = (config: Config, options: SetQuotaOptions) =>
  onDatabase(config, (database) => setQuota(database, options));

export const list = (config: Config, json: boolean) =>
  onDatabase(config, ({ read }) => listQuotas(read, config, json));

export const recount = (config: Config, json: boolean) =>
  onDatabase(config, (database) => recountAll(database, json));

/** Prints the lines that `run` returns. */
async function onDatabase(config: Config, run: (database: Database) => Promise<string[]>): Promise<void> {
  const database = await openConfiguredDatabase(config);
  try {
    for (const line of await run(database)) process.stdout.write(`${line}\n`);
  } finally {
    await database.close();
  }
}

/** A bound that is not named stays as it is. Running services know of it within a second. */
async function setQuota(database: Database, options: SetQuotaOptions): Promise<string[]> {
  const { bytes, attachments } = options;
  if (bytes === undefined && attachments === undefined) throw new Error('Name --bytes or --attachments.');
  const given = {
    ...(bytes === undefined ? {} : { maxBytes: parseBound('--bytes', bytes) }),
    ...(attachments === undefined ? {} : { maxAttachments: parseBound('--attachments', attachments) }),
  };
  return database.write(async (manager) => {
    const organization = await findOrganization(manager, options.organization ?? null);
    if (!organization) throw new Error(`There is no organization ${options.organization ?? 'yet'}.`);
    const { id: organizationId, name } = organization;
    const unset = { organizationId, maxBytes: null, maxAttachments: null };
    await insertRow(manager, QuotaRow, unset, { orIgnore: true });
    // Only what is given: another command may be setting the other bound.
    await manager.update(QuotaRow, { organizationId }, given);
    const row = await manager.findOneByOrFail(QuotaRow, { organizationId });
    const told = [`bytes ${boundText(row.maxBytes)}`, `attachments ${boundText(row.maxAttachments)}`];
    return [`${name} (${organizationId}): ${told.join(', ')}`];
  });
}

const boundText = (bound: number | null): string =>
  bound === null ? 'as the settings say' : bound === unbounded ? 'without bound' : `at most ${bound}`;

const units: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/** Null for the settings' own. Throws for whatever is neither a whole number, or a size, nor one of the words. */
function parseBound(option: '--bytes' | '--attachments', text: string): number | null {
  if (text === 'default') return null;
  if (text === 'none') return unbounded;
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([KMGT]?i?B?)$/i.exec(text) ?? [];
  const factor = units[unit.toUpperCase()];
  const bound = digits === '' || factor === undefined ? Number.NaN : Math.round(Number(digits) * factor);
  const isPlain = option === '--bytes' || /^\d+$/.test(text);
  if (isPlain && Number.isSafeInteger(bound)) return bound;
  const example = option === '--bytes' ? 'a size such as 10GiB' : 'a whole number';
  throw new Error(`${option} must be ${example}, none or default.`);
}

const headings = [
  'ORGANIZATION',
  'ID',
  'BYTES',
  'MAX BYTES',
  'ATTACHMENTS',
  'MAX ATTACHMENTS',
  'PREVIEW BYTES',
];

async function listQuotas(
  read: EntityManager,
  { quotaDefaults }: Pick<Config, 'quotaDefaults'>,
  json: boolean,
): Promise<string[]> {
  const quotas = new Map((await read.find(QuotaRow)).map((row) => [row.organizationId, row]));
  const names = await namesOf(read);
  const rows = (await recountUsage(read)).map(({ organizationId, counted }) => {
    const max = boundsOf(quotas.get(organizationId) ?? null, quotaDefaults);
    const organization = names.get(organizationId) ?? organizationId;
    const { bytes, attachments, previews: previewBytes } = counted;
    const bounds = { maxBytes: max.bytes, maxAttachments: max.attachments };
    return { organizationId, organization, bytes, attachments, ...bounds, previewBytes };
  });
  if (json) return jsonLines(rows);
  const cells = rows.map((row) => [
    row.organization,
    row.organizationId,
    String(row.bytes),
    String(row.maxBytes ?? '-'),
    String(row.attachments),
    String(row.maxAttachments ?? '-'),
    String(row.previewBytes),
  ]);
  return alignColumns([headings, ...cells]);
}

/** Counts all rows, which takes its time. Whatever is stored meanwhile is counted as ever. */
async function recountAll(database: Database, json: boolean): Promise<string[]> {
  const recounts = await database.write(correctUsage);
  const names = await namesOf(database.read);
  const rows = recounts.map((each) => ({
    organizationId: each.organizationId,
    organization: names.get(each.organizationId) ?? each.organizationId,
    bytes: each.actual.bytes,
    attachments: each.actual.attachments,
    countedBytes: each.counted.bytes,
    countedAttachments: each.counted.attachments,
    isRight: isRight(each),
  }));
  if (json) return jsonLines(rows);
  const wrong = rows.filter((row) => !row.isRight);
  const summary = `${rows.length} organizations counted, ${wrong.length} counters corrected.`;
  const lines = wrong.map(
    ({ organization, bytes, attachments, countedBytes, countedAttachments }) =>
      `${organization}: ${countedBytes} bytes, ${countedAttachments} attachments were counted; there are ${bytes} and ${attachments}`,
  );
  return [...lines, summary];
}

const isRight = ({ counted, actual }: Recount): boolean =>
  counted.bytes === actual.bytes &&
  counted.attachments === actual.attachments &&
  counted.previews === actual.previews;

async function namesOf(read: EntityManager): Promise<Map<string, string>> {
  return new Map((await read.find(OrganizationRow)).map(({ id, name }) => [id, name]));
}
