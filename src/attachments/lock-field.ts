import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import type { Viewer } from '../auth/viewer.js';
import { RecordFieldRow } from '../database/entities/record-field.js';
import { AttachmentError } from '../errors.js';
import type { RecordRef } from './record.js';

/** The field's row, made at need and kept from everybody else until the transaction ends. */
export async function lockField(
  manager: EntityManager,
  viewer: Viewer,
  record: RecordRef,
  name: string,
): Promise<RecordFieldRow> {
  const key = { organizationId: viewer.organizationId, recordType: record.type, recordId: record.id, name };
  await manager
    .createQueryBuilder()
    .insert()
    .into(RecordFieldRow)
    .values({ id: uuidv7(), ...key, version: 0 })
    .orIgnore()
    .updateEntity(false)
    .execute();
  // An update that changes nothing takes the row's lock on every engine; reading alone would not.
  await manager.update(RecordFieldRow, key, { version: () => 'version' });
  return manager.findOneByOrFail(RecordFieldRow, key);
}

/** Throws VERSION_CONFLICT unless the field is at the version that the caller has seen. */
export function assertVersion(field: RecordFieldRow, expected: number | null): void {
  if (expected === null || expected === field.version) return;
  const msg = `The field is at version ${field.version}, not ${expected}.`;
  throw new AttachmentError('VERSION_CONFLICT', {
    details: [{ loc: ['input', 'expectedVersion'], msg, type: 'version_conflict' }],
  });
}

/** Counts one change of the field's links. */
export async function bumpVersion(manager: EntityManager, field: RecordFieldRow): Promise<RecordFieldRow> {
  const { id, organizationId } = field;
  await manager.update(RecordFieldRow, { id, organizationId }, { version: () => 'version + 1' });
  return { ...field, version: field.version + 1 };
}
