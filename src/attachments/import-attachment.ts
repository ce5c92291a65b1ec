import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import { AuditEventRow, PrincipalRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';
import { In, IsNull } from '../database/typeorm.js';
import { Faults } from '../errors.js';
import { type DiscardIntakeDependencies, discardIntake, type Intake } from '../intake/intake.js';
import { type CreationInput, checkCreation } from './check-creation.js';
import { type InsertAttachmentDependencies, insertAttachment } from './insert-attachment.js';

export type ImportAttachmentDependencies = InsertAttachmentDependencies & DiscardIntakeDependencies;

/** An attachment that another system has had until now. */
export interface ImportedAttachment {
  id: string;
  createdAt: Date;
  input: CreationInput;
  /** Puts its id where it belongs among all that its field holds. */
  order(ids: readonly string[]): string[];
  /** In bytes, and lowercase hexadecimal; null where nobody has said. */
  expected: { size: number | null; md5: string | null };
}

/** `present`: it is there. `deleted`: it has been, and was deleted since. */
export type Presence = 'absent' | 'present' | 'deleted' | 'taken';

/** Whether an import has brought the attachment before. `taken`: another attachment has its id. */
export async function findImported(
  read: EntityManager,
  { organizationId }: Pick<Viewer, 'organizationId'>,
  { id, createdAt }: Pick<ImportedAttachment, 'id' | 'createdAt'>,
): Promise<Presence> {
  const ofAny = { where: { id }, select: { id: true, organizationId: true, createdAt: true } } as const;
  const found =
    (await read.findOne(AttachmentRow, ofAny)) ?? (await read.findOne(TrashedAttachmentRow, ofAny));
  if (found) {
    const isSame =
      found.organizationId === organizationId && found.createdAt.getTime() === createdAt.getTime();
    return isSame ? 'present' : 'taken';
  }
  const action = In(['ATTACHMENT_DELETED', 'ATTACHMENT_PURGED']);
  const wasDeleted = await read.existsBy(AuditEventRow, { organizationId, subjectId: id, action });
  return wasDeleted ? 'deleted' : 'absent';
}

/** Throws everything that is wrong with an import. Writes nothing. */
export async function checkImported(
  deps: ImportAttachmentDependencies,
  viewer: Viewer,
  { input, expected }: ImportedAttachment,
  intake: Intake,
): Promise<void> {
  const faults = new Faults();
  const { size, md5 } = expected;
  if (size !== null && size !== intake.size)
    faults.add('size_mismatch', ['input', 'size'], `It has ${intake.size} bytes instead of ${size}.`);
  if (md5 !== null && md5 !== intake.md5)
    faults.add('digest_mismatch', ['input', 'md5'], `Its MD5 is ${intake.md5} instead of ${md5}.`);
  faults.throwIfAny();
  await checkCreation(deps, viewer, input, intake);
}

/** Makes the attachment with its own id and date, in the name of its creator, or keeps nothing of it. Throws what `insertAttachment` throws. */
export async function importAttachment(
  deps: ImportAttachmentDependencies,
  viewer: Viewer,
  imported: ImportedAttachment,
  intake: Intake,
): Promise<void> {
  const { input, id, createdAt, order } = imported;
  try {
    await checkImported(deps, viewer, imported, intake);
    await insertAttachment(deps, viewer, input, { intake, origin: { id, createdAt, order } });
  } finally {
    await discardIntake(deps, intake);
  }
}

/** A creator is known from then on. One that is known already stays as it is, but for a name that it has not had. */
export async function ensureCreator(
  { database }: Pick<ImportAttachmentDependencies, 'database'>,
  { organizationId, principal }: Viewer,
): Promise<void> {
  const { id, kind, name } = principal;
  const known = await database.read.findOneBy(PrincipalRow, { organizationId, id });
  if (known && (known.name !== null || name === null)) return;
  const row = { organizationId, id, kind, name };
  await database.write(async (manager) => {
    await insertRow(manager, PrincipalRow, row, { orIgnore: true });
    if (name !== null) await manager.update(PrincipalRow, { organizationId, id, name: IsNull() }, { name });
  });
}
