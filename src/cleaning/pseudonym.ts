import { createHash, randomBytes } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { recordEvent } from '../audit/audit-events.js';
import type { Database } from '../database/database.js';
import { PrincipalRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';
import { isAnythingLeft, type Principal } from './erasure-survey.js';

const pseudonymForm = /^erased-[0-9a-f]{20}$/;

interface Chosen {
  pseudonym: string;
  /** The principal had no row. */
  isUnknown: boolean;
}

/**
 * The pseudonym that an erasure puts in place of the principal's id. It is kept in place of its name until it is erased, so that
 * every run and process has the same. Throws if nothing names the principal any more, since another run has ended its erasure.
 */
export async function choosePseudonym(database: Database, principal: Principal): Promise<string> {
  const { pseudonym, isUnknown } = await choose(database, principal);
  // The other run has told of all, under a pseudonym that nobody can find any more.
  if (isUnknown && !(await isAnythingLeft(database.read, principal))) {
    const { organizationId, id } = principal;
    await database.write((manager) => manager.delete(PrincipalRow, { organizationId, id, name: pseudonym }));
    throw new Error(
      'Nothing is left. Another run has erased the principal meanwhile: its statement tells of all that went.',
    );
  }
  return pseudonym;
}

function choose(database: Database, { organizationId, id }: Principal): Promise<Chosen> {
  const fresh = `erased-${randomBytes(10).toString('hex')}`;
  return database.write(async (manager) => {
    const key = { organizationId, id };
    const row = { ...key, kind: 'USER', name: fresh } as const;
    // The update takes the row's lock on every engine. Another erasure that ends before has deleted the row.
    do await insertRow(manager, PrincipalRow, row, { orIgnore: true });
    while ((await manager.update(PrincipalRow, key, { kind: () => 'kind' })).affected === 0);
    const { name } = await manager.findOneByOrFail(PrincipalRow, key);
    // Users choose their names: none may take over the pseudonym of somebody who has been erased.
    const isOwn =
      name !== null && pseudonymForm.test(name) && !(await isTaken(manager, organizationId, name));
    if (isOwn) return { pseudonym: name, isUnknown: name === fresh };
    await manager.update(PrincipalRow, key, { name: fresh });
    return { pseudonym: fresh, isUnknown: false };
  });
}

const isTaken = (manager: EntityManager, organizationId: string, id: string): Promise<boolean> =>
  manager.existsBy(PrincipalRow, { organizationId, id });

/**
 * Ends an erasure: nothing leads from the principal to its pseudonym any more, so whoever needs a statement has it by now. `by` is
 * who wanted it, for the audit log.
 */
export async function forgetPrincipal(
  { database, clock }: { database: Database; clock: () => Date },
  { organizationId, id }: Principal,
  pseudonym: string,
  by: string | null,
): Promise<void> {
  const actor = { organizationId, principal: null };
  const onceKey = createHash('sha256').update(`erasure ${organizationId} ${pseudonym}`).digest('hex');
  const details = { principalId: pseudonym, ...(by === null ? {} : { by }) };
  const event = { action: 'PRINCIPAL_ERASED', subjectId: pseudonym, at: clock(), details, onceKey } as const;
  await database.write(async (manager) => {
    const known = await manager.findOneBy(PrincipalRow, { organizationId, id });
    await manager.delete(PrincipalRow, { organizationId, id });
    const row = { organizationId, id: pseudonym, kind: known?.kind ?? 'USER', name: null };
    await insertRow(manager, PrincipalRow, row, { orIgnore: true });
    await recordEvent(manager, actor, event);
  });
}
