import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import { AuditEventRow } from '../database/entities/organization.js';
import { WebhookDeliveryRow } from '../database/entities/webhook.js';
import { changeRows, type Parameters } from '../database/read-rows.js';
import { MoreThan } from '../database/typeorm.js';
import { type NamingText, namingTexts, type Principal, renamed } from './erasure-survey.js';

/** Columns with the id of a principal, but for the audit log's, whose events change for nothing else. */
const columns = [
  ['attachments', 'created_by_id'],
  ['trashed_attachments', 'created_by_id'],
  ['attachment_versions', 'created_by_id'],
  ['share_links', 'created_by_id'],
  ['upload_targets', 'principal_id'],
  ['api_keys', 'principal_id'],
  ['webhook_endpoints', 'created_by_id'],
] as const;

/** Rows that are changed in one transaction. */
const batchSize = 1_000;

/** Puts a pseudonym in place of a principal's id, wherever a row names it. May be repeated. */
export async function rename(database: Database, principal: Principal, pseudonym: string): Promise<void> {
  const { organizationId, id } = principal;
  await renameKeys(database, principal, pseudonym);
  for (const [table, column] of columns) {
    for (let changed = batchSize; changed === batchSize; )
      changed = await database.writeInBackground((manager) =>
        changeRows(
          manager,
          (sql) => `UPDATE ${table} SET ${column} = ${sql.add(pseudonym)} WHERE id IN (SELECT id FROM ${table}
            WHERE organization_id = ${sql.add(organizationId)} AND ${column} = ${sql.add(id)} LIMIT ${batchSize})`,
        ),
      );
  }
  await database.writeInBackground((manager) =>
    changeRows(
      manager,
      (
        sql,
      ) => `UPDATE releases SET released_by_id = ${sql.add(pseudonym)} WHERE released_by_id = ${sql.add(id)}
        AND blob_id IN (SELECT id FROM blobs WHERE organization_id = ${sql.add(organizationId)})`,
    ),
  );
  await renameInPages(database, principal, pseudonym, {
    table: AuditEventRow,
    column: 'principal_id',
    text: namingTexts.details,
  });
  await renameInPages(database, principal, pseudonym, {
    table: WebhookDeliveryRow,
    text: namingTexts.bodies,
  });
  await database.writeInBackground((manager) =>
    renameText(manager, principal, pseudonym, namingTexts.waiting, () => 'TRUE'),
  );
}

/** Their names were given by people, and may be names of people. */
async function renameKeys(
  database: Database,
  { organizationId, id }: Principal,
  pseudonym: string,
): Promise<void> {
  await database.write((manager) =>
    changeRows(
      manager,
      (sql) => `UPDATE api_keys SET name = ${sql.add(pseudonym)}
        WHERE organization_id = ${sql.add(organizationId)} AND principal_id = ${sql.add(id)}`,
    ),
  );
}

/** All rows of the organization are looked at, a page at a time: no index leads to those that name the principal. */
async function renameInPages(
  { read, writeInBackground }: Database,
  principal: Principal,
  pseudonym: string,
  { table, column, text }: { table: PagedTable; column?: string; text: NamingText },
): Promise<void> {
  const { organizationId, id } = principal;
  for (let after = ''; ; ) {
    const page = await read.find<AuditEventRow | WebhookDeliveryRow>(table, {
      select: { id: true },
      where: { organizationId, id: MoreThan(after) },
      order: { id: 'ASC' },
      take: batchSize,
    });
    const last = page.at(-1)?.id ?? after;
    const from = after;
    const isOfPage = (sql: Parameters) => `id > ${sql.add(from)} AND id <= ${sql.add(last)}`;
    await writeInBackground(async (manager) => {
      if (column !== undefined)
        await changeRows(
          manager,
          (sql) => `UPDATE ${text.table} SET ${column} = ${sql.add(pseudonym)}
            WHERE organization_id = ${sql.add(organizationId)} AND ${isOfPage(sql)} AND ${column} = ${sql.add(id)}`,
        );
      await renameText(manager, principal, pseudonym, text, isOfPage);
    });
    after = last;
    if (page.length < batchSize) return;
  }
}

type PagedTable = typeof AuditEventRow | typeof WebhookDeliveryRow;

const renameText = (
  manager: EntityManager,
  { organizationId, id }: Principal,
  pseudonym: string,
  text: NamingText,
  condition: (sql: Parameters) => string,
): Promise<number> =>
  changeRows(manager, (sql) => {
    const changed = renamed(sql, text, id, pseudonym);
    return `UPDATE ${text.table} SET ${text.column} = ${changed}
      WHERE organization_id = ${sql.add(organizationId)} AND ${condition(sql)} AND ${text.column} <> ${renamed(sql, text, id, pseudonym)}`;
  });
