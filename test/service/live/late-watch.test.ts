import { AttachmentWatch } from '../../../src/attachments/watch-attachments.js';
import type { Viewer } from '../../../src/auth/viewer.js';
import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { Changes } from '../../../src/model/changes.js';
import { findAttachment } from '../../../src/model/stored-attachment.js';
import { startService } from '../../support/service.js';
import { openTestDatabase } from '../../support/test-database.js';

test('whoever begins to watch a record while a change of it is written is told of that change', async () => {
  const service = await startService();
  const record = { type: 'Task', id: '1' };
  const { id } = await service.client.upload({ content: 'hello', name: 'a.txt' }, { record });
  const database = await openTestDatabase(service.dataDirectory);
  const attachment = await database.read.findOneByOrFail(AttachmentRow, { id });
  const { organizationId, createdById } = attachment;
  const viewer: Viewer = {
    principal: { id: createdById, kind: 'SERVICE', name: null },
    organizationId,
    permissions: new Set(),
    keyId: null,
  };
  const changes = new Changes();
  const described = await database.write((manager) => changes.describe(manager, [attachment]));
  const read = (changed: string) => findAttachment(database.read, viewer, changed);
  const watch = new AttachmentWatch({ database, changes, read }, viewer, { record });
  changes.publish(described);
  const { value } = await watch.next();
  expect(value.attachment.id).toBe(id);
  await watch.return();
  await database.close();
  await service.close();
});
