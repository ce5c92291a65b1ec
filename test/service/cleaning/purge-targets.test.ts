import { v7 as uuidv7 } from 'uuid';
import { UploadTargetRow } from '../../../src/database/entities/upload-target.js';
import { bring, createFrom, openTarget, type SentFile } from '../doors/doors.js';
import { faultsOf } from '../doors/links.js';
import { day, minute, PurgeStage } from './purge-stage.js';

const grace = 60 * minute;
const target: SentFile = { content: Buffer.from('brought'), name: 'b.txt', type: 'text/plain' };

let purge: PurgeStage;
beforeEach(async () => {
  purge = await PurgeStage.open({ GRACE_PERIOD_MINUTES: '60', UNLINKED_RETENTION_DAYS: '2' });
});
afterEach(() => purge.expectNothingDangling());
afterEach(() => purge[Symbol.asyncDispose]());

const record = { type: 'Task', id: '1' };

describe('upload targets', () => {
  /** 15 minutes for the bytes, then a day for the attachment. */
  const lifetime = 15 * minute + day;

  const keysOfTargets = async () =>
    (await purge.stage.ledger.database.read.find(UploadTargetRow)).map(({ documentKey }) => documentKey);

  test('that nothing came of go in time, with their bytes', async () => {
    const { owner, ledger } = purge.stage;
    const [open, broken] = [await openTarget(owner, target), await openTarget(owner, target)];
    const [finished, used] = [String(await bring(owner, target)), String(await bring(owner, target))];
    if (!('documentKey' in open && 'documentKey' in broken)) throw new Error('There are no targets.');
    // As a crash leaves one whose bytes were on their way.
    await ledger.database.write((manager) =>
      manager.update(UploadTargetRow, { documentKey: broken.documentKey }, { state: 'RECEIVING' }),
    );
    const { data } = await createFrom(owner, used, { record });
    purge.now += lifetime;
    await purge.cleanUp();
    expect((await keysOfTargets()).sort()).toEqual(
      [open, broken]
        .map(({ documentKey }) => documentKey)
        .concat(finished, used)
        .sort(),
    );
    purge.now += 1;
    await purge.cleanUp();
    expect(await keysOfTargets()).toEqual([used]);
    expect(await purge.stored(finished, used)).toEqual([false, true]);
    expect(faultsOf(await createFrom(owner, finished))?.code).toBe('DOCUMENT_KEY_UNKNOWN');
    expect(faultsOf(await createFrom(owner, open.documentKey))?.code).toBe('DOCUMENT_KEY_UNKNOWN');
    const url = data?.createAttachment.attachment.url ?? '';
    expect(await (await owner.download(url)).text()).toBe('brought');
  });

  test('go with the attachment that used their bytes', async () => {
    const { owner } = purge.stage;
    const key = String(await bring(owner, target));
    await createFrom(owner, key);
    purge.now += grace + 1;
    await purge.cleanUp();
    expect([await keysOfTargets(), await purge.stored(key)]).toEqual([[], [false]]);
  });

  test('go however many there are', async () => {
    const { ledger, owner } = purge.stage;
    await openTarget(owner, target);
    const [row] = await ledger.database.read.find(UploadTargetRow);
    await ledger.database.write(async (manager) => {
      for (let made = 0; made < 1_200; made += 100) {
        const ids = Array.from({ length: 100 }, () => uuidv7());
        const rows = ids.map((id) => ({ ...row, id, documentKey: `${row?.documentKey.slice(0, -36)}${id}` }));
        await manager.insert(UploadTargetRow, rows);
      }
    });
    purge.now += lifetime + 1;
    await purge.cleanUp();
    expect(await keysOfTargets()).toHaveLength(0);
    expect(await ledger.removals()).toBe(0);
  });
});

describe('a storage that fails to remove', () => {
  /** The same bytes fail so many times. */
  const failFor = (documentKey: string, times: number) => {
    let left = times;
    purge.storage.fails = (operation, key) => {
      if (operation !== 'remove' || key !== documentKey || left === 0) return false;
      left -= 1;
      return true;
    };
  };

  test('delays what a deletion has left, and no more', async () => {
    const attachment = await purge.upload();
    failFor(attachment.documentKey, 1);
    await purge.stage.owner.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
      { id: attachment.id },
    );
    expect(await purge.stored(attachment.documentKey)).toEqual([true]);
    expect(await purge.stage.ledger.removals()).toBe(1);
    await purge.cleanUp();
    expect(await purge.stored(attachment.documentKey)).toEqual([false]);
    expect(await purge.stage.ledger.removals()).toBe(0);
  });

  test('does not keep the others from going, nor what else there is to clean', async () => {
    const { owner, ledger } = purge.stage;
    const attachments = [
      await purge.upload({ idempotencyKey: 'one' }),
      await purge.upload(),
      await purge.upload(),
    ];
    const unused = String(await bring(owner, target));
    // In the order in which they are removed, so that the others come behind the one that fails.
    const keys = [...attachments.map(({ documentKey }) => documentKey), unused].sort();
    const stuck = keys[0] ?? '';
    failFor(stuck, 2);
    purge.now += 2 * day;
    for (let time = 0; time < 2; time += 1) {
      await expect(purge.cleanUp()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
      expect(await purge.stored(...keys)).toEqual([true, false, false, false]);
      expect(await ledger.removals()).toBe(1);
      expect(await ledger.count()).toMatchObject({ attachments: 0, blobs: 0, idempotencyKeys: 0 });
    }
    await purge.cleanUp();
    expect(await purge.stored(stuck)).toEqual([false]);
    expect(await ledger.removals()).toBe(0);
  });
});
