import { AttachmentWatch } from '../../../src/attachments/watch-attachments.js';
import type { Viewer } from '../../../src/auth/viewer.js';
import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { LinkRow } from '../../../src/database/entities/record-field.js';
import { type Change, Changes } from '../../../src/model/changes.js';
import { findAttachment } from '../../../src/model/stored-attachment.js';
import { startService, type TestService } from '../../support/service.js';
import { openTestDatabase } from '../../support/test-database.js';

const record = { type: 'Task', id: '1' };

let service: TestService;
let database: Awaited<ReturnType<typeof openTestDatabase>>;
beforeEach(async () => {
  service = await startService();
  database = await openTestDatabase(service.dataDirectory);
});
afterEach(async () => {
  await database.close();
  await service.close();
});

/** Id of what somebody who watches the record is told of first, if the watch begins once `describe` has described a change. */
async function toldLate(
  attachment: AttachmentRow,
  describe: (changes: Changes) => Promise<Change[]>,
): Promise<string | undefined> {
  const viewer: Viewer = {
    principal: { id: attachment.createdById, kind: 'SERVICE', name: null },
    organizationId: attachment.organizationId,
    permissions: new Set(),
    keyId: null,
  };
  const changes = new Changes();
  const described = await describe(changes);
  const read = (changed: string) => findAttachment(database.read, viewer, changed);
  const watch = new AttachmentWatch({ database, changes, read }, viewer, { record });
  changes.publish(described);
  const { value } = await watch.next();
  await watch.return();
  return value?.attachment.id;
}

const rowOf = (id: string) => database.read.findOneByOrFail(AttachmentRow, { id });

test('whoever begins to watch a record while a change of it is written is told of that change', async () => {
  const { id } = await service.client.upload({ content: 'hello', name: 'a.txt' }, { record });
  const attachment = await rowOf(id);
  const told = await toldLate(attachment, (changes) =>
    database.write((manager) => changes.describe(manager, [attachment])),
  );
  expect(told).toBe(id);
});

test('the same of an attachment that has left the record by then', async () => {
  const { id } = await service.client.upload({ content: 'hello', name: 'a.txt' });
  const attachment = await rowOf(id);
  const told = await toldLate(attachment, (changes) =>
    database.write((manager) => changes.describe(manager, [attachment], [record])),
  );
  expect(told).toBe(id);
});

test('the same of an attachment that leaves fields which the change does not name', async () => {
  const { id } = await service.client.upload({ content: 'hello', name: 'a.txt' }, { record, field: 'files' });
  const attachment = await rowOf(id);
  const told = await toldLate(attachment, (changes) =>
    database.write(async (manager) => {
      const described = await changes.describeLeaving(manager, [attachment]);
      await manager.delete(LinkRow, { attachmentId: id });
      await manager.update(AttachmentRow, { id }, { recordType: null, recordId: null });
      return described;
    }),
  );
  expect(told).toBe(id);
});
