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
import { databaseEnvironment } from '../../support/test-database.js';

const kills = roundsOf(3);
const mebibyte = 1024 * 1024;

/** A request whose connection has ended, as those to a killed process do. */
function nullIfBroken(error: unknown): null {
  if (error instanceof TypeError) return null;
  throw error;
}

test(`kill -9 during uploads by tus, ${kills} times: each goes on from an offset that was told, and is whole`, async () => {
  const directory = await makeTemporaryDirectory();
  const random = seededRandom();
  const env = { DATA_DIR: directory, BOOTSTRAP_API_KEY: randomKey() };
  // PostgreSQL has two processes, either of which goes on with what the other has begun.
  const count = Object.keys(await databaseEnvironment(directory)).length > 0 ? 2 : 1;
  const services: SpawnedService[] = [];
  for (let index = 0; index < count; index += 1) services.push(await spawnService(env));
  const pick = () => services[random.integer(0, count - 1)] as SpawnedService;
  const client = () => new TusClient(pick(), env.BOOTSTRAP_API_KEY);
  const counts = { finished: 0, broken: 0, conflicts: 0 };
  let isOver = false;

  /** Appends once. Returns how far the upload is known to be. */
  const append = async (path: string, content: Buffer, told: number): Promise<number> => {
    const head = await client().head(path).catch(nullIfBroken);
    if (!head) return told;
    const offset = Number(head.headers.get('upload-offset'));
    expect([head.status, offset >= told]).toEqual([200, true]);
    const end = offset + random.integer(1, 2 * mebibyte);
    const sent = await client().patch(path, offset, content.subarray(offset, end)).catch(nullIfBroken);
    if (!sent) counts.broken += 1;
    else if (sent.status === 409) counts.conflicts += 1;
    else expect(sent.status).toBe(204);
    return sent?.status === 204 ? Number(sent.headers.get('upload-offset')) : offset;
  };
  const upload = async () => {
    const content = randomBytes(random.integer(1, 6 * mebibyte));
    const made = await client()
      .post({ 'upload-length': String(content.length) })
      .catch(nullIfBroken);
    if (!made) return;
    const path = new URL(made.headers.get('location') ?? '').pathname;
    for (let told = 0; told < content.length; ) told = await append(path, content, told);
    const key = made.headers.get('upload-document-key') ?? '';
    let attachment: Awaited<ReturnType<typeof attach>> | null = null;
    while (!attachment) attachment = await attach(pick(), key).catch(nullIfBroken);
    expect(attachment).toMatchObject({ size: content.length, sha256: { hash: sha256(content) } });
    counts.finished += 1;
  };
  const uploaders = Array.from({ length: 3 }, async () => {
    while (!isOver) await upload();
  });
  for (let kill = 0; kill < kills; kill += 1) {
    const before = counts.finished;
    while (counts.finished === before) await Promise.race([sleep(5), ...uploaders]);
    await sleep(random.integer(0, 300));
    const index = random.integer(0, count - 1);
    await services[index]?.end('SIGKILL');
    services[index] = await spawnService(env);
  }
  isOver = true;
  await Promise.all(uploaders);
  report(`seed ${random.seed}: ${kills} kills of ${count} processes, ${JSON.stringify(counts)}`);
  expect(counts.finished).toBeGreaterThanOrEqual(kills);
  for (const service of services) await service.end('SIGTERM');
  await rm(directory, { recursive: true, force: true });
}, 600_000);
