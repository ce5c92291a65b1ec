import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IntakeRow, RemovalRow, SweptKeyRow } from '../../../src/database/entities/stored-bytes.js';
import { UploadTargetRow } from '../../../src/database/entities/upload-target.js';
import { createLocalStorage } from '../../../src/storage/local.js';
import { bring, createFrom } from '../../service/doors/doors.js';
import { Stage } from '../../service/doors/stage.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';
import { newKey, put } from '../../support/stored-objects.js';
import { databaseEnvironment } from '../../support/test-database.js';
import { cleanLater } from '../process/clean-later.js';

const fixture = fileURLToPath(new URL('./sweep-crash.fixture.js', import.meta.url));
/** `RACES=1` kills at each moment, otherwise at every tenth. */
const step = process.env['RACES'] === undefined ? 10 : 1;
const file = (text: string) => ({ content: Buffer.from(text), name: 'a.txt', type: 'text/plain' });

const environment = async (dataDirectory: string) => ({
  DATA_DIR: dataDirectory,
  ...(await databaseEnvironment(dataDirectory)),
});

/** The signal that ended it; null if it ended by itself. */
async function cleanUntil(moment: number, hoursLater: number, dataDirectory: string): Promise<string | null> {
  const child = spawn(process.execPath, [fixture, String(moment), String(hoursLater)], {
    env: { PATH: process.env['PATH'], ...(await environment(dataDirectory)) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (code) throw new Error(`The cleaning ended with ${code}.`);
  return signal;
}

/** One of everything that stays and goes: what an upload that has died on its way, bytes without a row, an unused target leave. */
async function fill({ owner, ledger, service }: Stage, hoursLater: number) {
  const files = createLocalStorage(join(service.dataDirectory, 'files'));
  const { documentKey } = await owner.upload(file('kept'), { record: { type: 'Task', id: '1' } });
  const organizationId = documentKey.split('/')[2] ?? '';
  const then = new Date(Date.now() + hoursLater * 3_600_000);
  const [orphan, dead] = [newKey(organizationId, then), newKey(organizationId, then)];
  await put(files, orphan, Buffer.from('orphan'));
  await put(files, dead, Buffer.from('dead'));
  await ledger.database.write((manager) =>
    manager.insert(IntakeRow, { documentKey: dead, leaseId: 'lease', beat: 3 }),
  );
  const used = String(await bring(owner, file('used')));
  const created = await createFrom(owner, used, { record: { type: 'Task', id: '2' } });
  expect(created.errors).toBeUndefined();
  const unused = String(await bring(owner, file('unused')));
  return { kept: [documentKey, used], gone: [orphan, dead, unused] };
}

test('a cleaning that is killed at any moment removes nothing that is used, and the next one removes the rest', async () => {
  await using stage = await Stage.open({ recordTypes: { '*': { policy: 'default' } } });
  const { ledger, service } = stage;
  const kept: string[] = [];
  const random = seededRandom();
  let moment = step === 1 ? 0 : random.integer(0, step - 1);
  for (; ; moment += step) {
    // Each time in hours that no sweep has come to.
    const hoursLater = 3 * moment;
    const { gone, ...filled } = await fill(stage, hoursLater);
    kept.push(...filled.kept);
    const signal = await cleanUntil(moment, hoursLater + 26, service.dataDirectory);
    const dangling = await ledger.dangling();
    expect(dangling.filter((each) => !each.startsWith('file '))).toEqual([]);
    const stored = await ledger.files();
    expect(stored).toEqual(expect.arrayContaining(kept));
    // Bytes that no blob may be made of any more are due, or gone.
    const due = new Set((await ledger.database.read.find(RemovalRow)).map(({ documentKey }) => documentKey));
    for (const { documentKey } of await ledger.database.read.find(SweptKeyRow))
      expect([documentKey, due.has(documentKey) || !stored.includes(documentKey)]).toEqual([
        documentKey,
        true,
      ]);
    if (signal === null) {
      expect(gone.filter((key) => stored.includes(key))).toEqual([]);
      break;
    }
    // The next one finds the sweep of the hour undone, or nothing more to do.
    await cleanLater(await environment(service.dataDirectory), hoursLater + 26, () => undefined);
    expect((await ledger.files()).toSorted()).toEqual(kept.toSorted());
  }
  const { read } = ledger.database;
  expect([await read.count(IntakeRow), await read.count(RemovalRow)]).toEqual([0, 0]);
  expect(await read.countBy(UploadTargetRow, { state: 'FINISHED' })).toBe(kept.length / 2);
  report(
    `seed ${random.seed}: killed at every ${step}. of ${moment} moments of a cleaning; ${kept.length} files are there`,
  );
}, 180_000);
