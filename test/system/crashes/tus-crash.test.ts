import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { attach, TusClient } from '../../service/targets/tus-client.js';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { randomKey } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { type SpawnedService, spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const rounds = roundsOf(3);
const mebibyte = 1024 * 1024;

interface Sending {
  path: string;
  content: Buffer;
  /** The greatest offset that was told. */
  told: number;
}

test(`kill -9 during uploads by tus, ${rounds} times: each goes on from an offset that was told, and is whole`, async () => {
  const directory = await makeTemporaryDirectory();
  const random = seededRandom();
  const env = { DATA_DIR: directory, BOOTSTRAP_API_KEY: randomKey() };
  let service: SpawnedService = await spawnService(env);
  const open: Sending[] = [];
  let finished = 0;
  let resumed = 0;

  const create = async (tus: TusClient): Promise<Sending> => {
    const content = randomBytes(random.integer(1, 12 * mebibyte));
    const url = await tus.create(content.length);
    const sending = { path: new URL(url).pathname, content, told: 0 };
    open.push(sending);
    return sending;
  };
  const goOn = async (tus: TusClient, sending: Sending) => {
    const { path, content } = sending;
    const offset = await tus.offset(path);
    expect(offset).toBeGreaterThanOrEqual(sending.told);
    if (sending.told > 0) resumed += 1;
    sending.told = offset;
    while (sending.told < content.length) {
      const end = sending.told + random.integer(1, 4 * mebibyte);
      const { status, headers } = await tus.patch(path, sending.told, content.subarray(sending.told, end));
      // A dead process is given up after a while.
      if (status === 204 || status === 409) sending.told = Number(headers.get('upload-offset'));
      else throw new Error(`A PATCH was answered by ${status}.`);
    }
    const { headers } = await tus.head(path);
    const made = await attach(service, headers.get('upload-document-key') ?? '');
    expect(made).toMatchObject({ size: content.length, sha256: { hash: sha256(content) } });
    finished += 1;
    open.splice(open.indexOf(sending), 1);
  };
  const isAlive = () => service.process.exitCode === null && service.process.signalCode === null;
  const uploadUntilKilled = async () => {
    const tus = new TusClient(service, env.BOOTSTRAP_API_KEY);
    const mine = open.splice(0, 1)[0];
    if (mine) open.push(mine);
    try {
      if (mine) await goOn(tus, mine);
      for (;;) await goOn(tus, await create(tus));
    } catch (error) {
      if (isAlive() && !(error instanceof TypeError)) throw error;
    }
  };
  for (let round = 0; round < rounds; round += 1) {
    const before = finished;
    const uploaders = Array.from({ length: 3 }, uploadUntilKilled);
    while (finished < before + 3) await sleep(5);
    await sleep(random.integer(0, 150));
    await service.end('SIGKILL');
    await Promise.all(uploaders);
    service = await spawnService(env);
  }
  const tus = new TusClient(service, env.BOOTSTRAP_API_KEY);
  for (const sending of [...open]) await goOn(tus, sending);
  report(
    `seed ${random.seed}: ${rounds} kills, ${finished} uploads finished and whole, ${resumed} times gone on`,
  );
  await service.end('SIGTERM');
  await rm(directory, { recursive: true, force: true });
}, 180_000);
