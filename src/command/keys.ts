import type { EntityManager } from 'typeorm';
import { generateApiKey, storeApiKey } from '../auth/api-keys.js';
import { assertOrganizationName, createOrganization, findOrganization } from '../auth/identify.js';
import { checkNewApiKey, revokeApiKey } from '../auth/manage-api-keys.js';
import { permissions } from '../auth/viewer.js';
import { type Config, loadConfig } from '../config/config.js';
import { isDay } from '../config/setting-formats.js';
import type { Database } from '../database/database.js';
import { ApiKeyRow, OrganizationRow } from '../database/entities/organization.js';
import { AttachmentError } from '../errors.js';
import { openConfiguredDatabase, stateOfDatabase } from '../wiring/open-stores.js';
import { alignColumns, jsonLines } from './output.js';

const remark = (line: string): void => void process.stderr.write(`${line}\n`);

/** Makes a database too, and says so: in the wrong folder the key opens nothing. */
export async function create(options: NewKeyOptions): Promise<void> {
  const config = loadConfig(process.env);
  const isThere = (await stateOfDatabase(config)) !== 'missing';
  // A refused one leaves none behind.
  if (!isThere) readNewKey(options, new Date());
  await onDatabase(await openConfiguredDatabase(config), (deps) => createKey(deps, options));
  if (isThere) return;
  const place = config.postgres ? 'DATABASE_URL' : `${config.dataDirectory} (DATA_DIR)`;
  remark(`There was no database in ${place}: a new one was made.`);
}

export const list = async (config: Config, options: ListedKeysOptions) =>
  onDatabase(await openConfiguredDatabase(config), (deps) => listKeys(deps, options));
export const revoke = async (config: Config, id: string) =>
  onDatabase(await openConfiguredDatabase(config), (deps) => revokeKey(deps, id));

async function onDatabase(database: Database, run: (deps: KeyCommand) => Promise<void>): Promise<void> {
  try {
    const print = (line: string) => process.stdout.write(`${line}\n`);
    await run({ database, clock: database.clock, print, remark });
  } finally {
    await database.close();
  }
}

export interface NewKeyOptions {
  organization?: string;
  name: string;
  /** Comma-separated. */
  permissions: string;
  /** RFC 3339. */
  expiresAt?: string;
}

const instant = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** Makes a key, and the organization where there is none of that name, and prints the key. */
export async function createKey(
  { database, clock, print, remark }: KeyCommand,
  options: NewKeyOptions,
): Promise<void> {
  const createdAt = clock();
  const input = readNewKey(options, createdAt);
  const key = generateApiKey();
  const made = await database.write(async (manager) => {
    const organization = await organizationFor(manager, options.organization, createdAt);
    const row = await storeApiKey(manager, {
      ...input,
      key,
      organizationId: organization.id,
      createdBy: null,
      createdAt,
    });
    return { organization, row };
  });
  print(key);
  const { organization, row } = made;
  remark(`Shown this once. Its id is ${row.id}; organization ${organization.name} (${organization.id}).`);
}

/** Throws BAD_USER_INPUT, and Error for texts that say nothing. */
function readNewKey({ name, permissions: list, expiresAt, organization }: NewKeyOptions, now: Date) {
  if (organization !== undefined) assertOrganizationName(organization);
  const input = {
    name,
    permissions: parsePermissions(list),
    expiresAt: expiresAt === undefined ? null : parseInstant(expiresAt),
  };
  checkNewApiKey(input, new Set(permissions), now);
  return input;
}

async function organizationFor(
  manager: EntityManager,
  given: string | undefined,
  createdAt: Date,
): Promise<OrganizationRow> {
  const found = await findOrganization(manager, given ?? null);
  return found ?? createOrganization(manager, given ?? 'default', createdAt);
}

/** Throws if none is named, as by a variable of a script that is not set: such a key would open nothing. */
function parsePermissions(list: string): string[] {
  const names = list.split(',').map((name) => name.trim());
  const given = new Set(names.filter((name) => name !== ''));
  if (given.size > 0) return [...given];
  throw new Error(`--permissions must name at least one of ${permissions.join(', ')}.`);
}

function parseInstant(text: string): Date {
  const parsed = new Date(instant.test(text) && isDay(text.slice(0, 10)) ? text : Number.NaN);
  // An offset can lead to the year 10000, which RFC 3339 does not have.
  if (Number.isNaN(parsed.getTime()) || parsed.getUTCFullYear() > 9_999) {
    throw new Error('--expires-at must be an RFC 3339 instant, such as 2027-01-31T00:00:00Z.');
  }
  return parsed;
}

const headings = [
  'ID',
  'ORGANIZATION',
  'NAME',
  'PREFIX',
  'PERMISSIONS',
  'CREATED',
  'EXPIRES',
  'LAST USED',
  'REVOKED',
];

export interface ListedKeysOptions {
  /** Name or id; all organizations without it. */
  organization?: string;
  json?: boolean;
}

/** Prints all keys, or those of one organization, a line each, in columns two or more spaces apart. */
export async function listKeys(
  { database: { read }, print }: KeyCommand,
  options: ListedKeysOptions,
): Promise<void> {
  const organization =
    options.organization === undefined ? null : await findOrganization(read, options.organization);
  if (options.organization !== undefined && !organization) {
    throw new Error(`There is no organization ${options.organization}.`);
  }
  const where = organization ? { organizationId: organization.id } : {};
  const keys = await read.find(ApiKeyRow, { where, order: { id: 'ASC' } });
  const names = new Map((await read.find(OrganizationRow)).map(({ id, name }) => [id, name]));
  const nameOf = (key: ApiKeyRow) => names.get(key.organizationId) ?? key.organizationId;
  const lines = options.json
    ? jsonLines(keys.map((key) => describe(key, nameOf(key))))
    : alignColumns([headings, ...keys.map((key) => cellsOf(key, nameOf(key)))]);
  for (const line of lines) print(line);
}

function describe(key: ApiKeyRow, organization: string): object {
  const { id, organizationId, name, prefix, permissions, createdAt, expiresAt, lastUsedAt, revokedAt } = key;
  const instants = { createdAt, expiresAt, lastUsedAt, revokedAt };
  return { id, organizationId, organization, name, prefix, permissions, ...instants };
}

function cellsOf(key: ApiKeyRow, organization: string): string[] {
  return [
    key.id,
    organization,
    key.name,
    key.prefix,
    key.permissions.join(','),
    ...[key.createdAt, key.expiresAt, key.lastUsedAt, key.revokedAt].map((at) => at?.toISOString() ?? '-'),
  ];
}

/** Ends a key of any organization; again: nothing changes. */
async function revokeKey(deps: KeyCommand, id: string): Promise<void> {
  const row = await revokeApiKey(deps, null, id).catch((error: unknown) => {
    const isUnknown = error instanceof AttachmentError && error.code === 'NOT_FOUND';
    throw isUnknown ? new Error(`There is no key with the id ${id}.`, { cause: error }) : error;
  });
  deps.print(`Revoked ${row.name} (${row.prefix}…).`);
}

/** Dependencies of the commands on keys. */
export interface KeyCommand {
  database: Database;
  clock: () => Date;
  /** The result. */
  print(line: string): void;
  /** Prints a remark beside the result. */
  remark(line: string): void;
}
