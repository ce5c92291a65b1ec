import { KeyRevocations } from '../auth/api-keys.js';
import { findOrganization, isCleanText, toPrincipalId } from '../auth/identify.js';
import { erasePrincipal } from '../cleaning/erase-principal.js';
import {
  countOf,
  type ErasureCounts,
  type Gone,
  listGone,
  type Principal,
} from '../cleaning/erasure-survey.js';
import { forgetPrincipal } from '../cleaning/pseudonym.js';
import type { Config } from '../config/config.js';
import type { Database } from '../database/database.js';
import { type OrganizationRow, PrincipalRow } from '../database/entities/organization.js';
import { Changes } from '../model/changes.js';
import { type ErasureContents, signErasure } from '../receipts/receipt.js';
import { forgetWebhooks } from '../webhooks/fan-out.js';
import { relayConfiguredChanges } from '../wiring/background-work.js';
import { configuredReceiptKeys, openConfiguredDatabase, silentLog } from '../wiring/open-stores.js';

export interface EraseOptions {
  principal: string;
  /** Name or id; null: the oldest one. */
  organization: string | null;
  by: string | null;
  dryRun: boolean;
  json: boolean;
}

/** Milliseconds: a look at all of an audit log may take minutes, and keeps nobody waiting. */
const readLimits = { point: 60 * 60_000 };

/** Erases a principal and prints what went, what stays and why, and the signed statement of it. */
export async function erase(config: Config, options: EraseOptions): Promise<void> {
  const { by, dryRun, json } = options;
  if (by !== null && !isCleanText(by))
    throw new Error('--by must be 1 to 255 characters, without control characters.');
  const database = await openConfiguredDatabase(config, { readLimits });
  const [changes, revocations] = [new Changes(), new KeyRevocations()];
  const stopRelay = await relayConfiguredChanges(config, { changes, revocations }, silentLog);
  try {
    const { organization, principal, before } = await find(database, options);
    if (dryRun) {
      await print(json, { dryRun, principal: principal.id, ...describe(before) });
      return;
    }
    const keys = await configuredReceiptKeys(config);
    const onKeyRevoked = (keyId: string) => revocations.publish(keyId);
    const webhooks = { forget: forgetWebhooks };
    const deps = { database, clock: database.clock, changes, webhooks, onKeyRevoked };
    const pseudonym = await erasePrincipal(deps, principal);
    const contents = await state(database, { organization, principal, pseudonym }, config.publicUrl ?? '');
    const { gone, ended, stays } = contents;
    const told = { principal: principal.id, pseudonym, gone, ended, stays };
    // Before the end of the erasure, after which nobody could make the statement again.
    await print(json, { dryRun, ...told, statement: await signErasure(keys, contents) });
    await forgetPrincipal(deps, principal, pseudonym, by);
  } finally {
    await stopRelay();
    await database.close();
  }
}

interface Found {
  organization: OrganizationRow;
  principal: Principal;
  before: ErasureCounts;
}

async function find(
  { read }: Pick<Database, 'read'>,
  { organization: named, principal: given }: EraseOptions,
): Promise<Found> {
  const organization = await findOrganization(read, named);
  if (!organization) throw new Error(`There is no organization ${named ?? 'yet'}.`);
  const { id: organizationId, name } = organization;
  const principal = { organizationId, id: await toPrincipalId(read, organizationId, given) };
  const before = await countOf(read, principal);
  const isNamed = Object.values(before).some((count) => count > 0);
  if (!isNamed && !(await read.existsBy(PrincipalRow, principal)))
    throw new Error(`Nothing in ${name} names the principal ${given}.`);
  return { organization, principal, before };
}

const reasons: readonly [keyof ErasureCounts, string][] = [
  ['ownedAttachments', 'a record owns them'],
  ['linkedAttachments', "a record's field holds them"],
  ['ownedInTrash', 'a record owned them, and they can be restored to it'],
  ['versions', 'they are contents of attachments that stay'],
  ['webhookBodies', 'receivers are told of what was done, and of the pseudonym alone'],
  ['webhookEndpoints', 'the organization has them, whoever made them'],
  ['auditEvents', 'the audit log tells what was done, and names the pseudonym alone'],
];

const staying = (counts: ErasureCounts): ErasureContents['stays'] =>
  reasons.flatMap(([kind, because]) => (counts[kind] > 0 ? [{ kind, count: counts[kind], because }] : []));

/** For a dry run. */
function describe(counts: ErasureCounts) {
  const { unownedAttachments, unownedInTrash, uploads, idempotencyKeys, shareLinks, apiKeys } = counts;
  const attachments = unownedAttachments + unownedInTrash;
  return {
    gone: { attachments, uploads, idempotencyKeys },
    ended: { shareLinks, apiKeys },
    stays: staying(counts),
  };
}

/** The statement about an erasure that is over, from the rows as they are now. */
async function state(
  { read, clock }: Database,
  { organization, principal, pseudonym }: Omit<Found, 'before'> & { pseudonym: string },
  iss: string,
): Promise<ErasureContents> {
  const { id, name } = organization;
  const after = await countOf(read, { organizationId: id, id: pseudonym });
  return {
    iss,
    iat: Math.floor(clock().getTime() / 1_000),
    event: 'erased',
    organization: { id, name },
    principal: principal.id,
    pseudonym,
    gone: await listGone(read, id, pseudonym),
    ended: { shareLinks: after.shareLinks, apiKeys: after.apiKeys },
    stays: staying(after),
  };
}

interface Told {
  dryRun: boolean;
  principal: string;
  pseudonym?: string;
  gone: Omit<Gone, 'attachments'> & { attachments: number | Gone['attachments'] };
  ended: ErasureContents['ended'];
  stays: ErasureContents['stays'];
  statement?: string;
}

/** Resolves once it has been handed over. */
function print(json: boolean, told: Told): Promise<void> {
  const { attachments, uploads, idempotencyKeys } = told.gone;
  const count = typeof attachments === 'number' ? attachments : attachments.length;
  const verb = told.dryRun ? 'would go' : 'gone';
  const lines = json
    ? [JSON.stringify(told)]
    : [
        `${verb}: ${count} attachments, ${uploads} uploads, ${idempotencyKeys} idempotency keys`,
        `${told.dryRun ? 'would end' : 'ended'}: ${told.ended.shareLinks} share links, ${told.ended.apiKeys} API keys`,
        ...told.stays.map(({ kind, count: number, because }) => `stays: ${number} ${kind}: ${because}`),
        ...(told.statement === undefined ? [] : [told.statement]),
      ];
  return new Promise((resolve, reject) => {
    process.stdout.write(`${lines.join('\n')}\n`, (error) => (error ? reject(error) : resolve()));
  });
}
