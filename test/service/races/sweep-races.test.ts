import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanUp } from '../../../src/cleaning/clean-up.js';
import { sweepStorage } from '../../../src/cleaning/sweep-storage.js';
import { IntakeRow, SweptKeyRow } from '../../../src/database/entities/stored-bytes.js';
import { IntakeLeases, type IntakeLeaseTimes } from '../../../src/intake/intake-leases.js';
import { Changes } from '../../../src/model/changes.js';
import { createLocalStorage } from '../../../src/storage/local.js';
import type { Storage } from '../../../src/storage/storage.js';
import { forgetWebhooks } from '../../../src/webhooks/fan-out.js';
import { type Answer, type AttachmentData, attachmentFields } from '../../support/client.js';
import { overrideStorage } from '../../support/override-storage.js';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { allStored } from '../../support/service.js';
import { createFrom, openTarget, putTo } from '../doors/doors.js';
import { Stage } from '../doors/stage.js';

const random = seededRandom();
const hour = 3_600_000;
const count = roundsOf(8);
const lanes = 4;

type Created = Answer<{ createAttachment: { attachment: AttachmentData } }>;

/** One clock, which is set to and fro, for a service and for the cleaning of another process, whose storage is slow. */
class SweepStage implements AsyncDisposable {
  stage!: Stage;
  now = Date.now();
  #leases: IntakeLeases | null = null;

  static async open(intakeLeaseTimes: Partial<IntakeLeaseTimes>): Promise<SweepStage> {
    const swept = new SweepStage();
    swept.stage = await Stage.open(
      { recordTypes: { '*': { policy: 'default' } } },
      allStored,
      (directory) => ({
        clock: () => new Date(swept.now),
        storage: slow(createLocalStorage(join(directory, 'files'))),
        intakeLeaseTimes,
      }),
    );
    return swept;
  }

  async cleanUp(): Promise<void> {
    const { ledger, service } = this.stage;
    this.#leases ??= new IntakeLeases(ledger.database, { deadAfterMs: 2_000 });
    await cleanUp({
      database: ledger.database,
      storage: slow(createLocalStorage(join(service.dataDirectory, 'files'))),
      clock: () => new Date(this.now),
      webhooks: { forget: forgetWebhooks },
      changes: new Changes(),
      leases: this.#leases,
      auditRetentionMs: 0,
      webhookRetentionMs: 1,
    });
  }

  /** Two files in one form, the second of which waits until `gate` has opened. */
  async sendSlowly(gate: () => Promise<void>, name: string): Promise<Created> {
    const query = `mutation ($a: CreateAttachmentInput!, $b: CreateAttachmentInput!) {
      createAttachment(input: $a) { attachment { ${attachmentFields} } }
      b: createAttachment(input: $b) { attachment { id } } }`;
    const record = { type: 'Task', id: name };
    const input = { content: { upload: null }, record };
    const variables = { a: input, b: input };
    const map = { 0: ['variables.a.content.upload'], 1: ['variables.b.content.upload'] };
    const head = (part: string, rest = '') =>
      `--b\r\nContent-Disposition: form-data; name="${part}"${rest}\r\n\r\n`;
    const file = '; filename="a.txt"\r\nContent-Type: text/plain';
    const { url, client } = this.stage.service;
    return new Promise((resolve, reject) => {
      const headers = {
        ...client.headers,
        'apollo-require-preflight': 'true',
        'content-type': 'multipart/form-data; boundary=b',
      };
      const request = httpRequest(`${url}/graphql`, { method: 'POST', headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString()) as Created));
      });
      request.once('error', reject);
      request.write(`${head('operations')}${JSON.stringify({ query, variables })}\r\n`);
      request.write(`${head('map')}${JSON.stringify(map)}\r\n`);
      request.write(`${head('0', file)}${name}\r\n`);
      // The first file is whole once the second begins.
      request.write(head('1', file));
      gate().then(() => request.end('late\r\n--b--\r\n'), reject);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage[Symbol.asyncDispose]();
  }
}

/** Each operation takes a moment, so that others come between any two. */
function slow(storage: Storage): Storage {
  const pause = () => sleep(random.integer(0, 3));
  return overrideStorage(storage, {
    size: async (key) => {
      await pause();
      const size = await storage.size(key);
      await pause();
      return size;
    },
    remove: async (key) => {
      await pause();
      await storage.remove(key);
      await pause();
    },
  });
}

/** Checks that an acknowledged file can be fetched whole. Returns the outcome. */
async function check(swept: SweepStage, name: string, { data, errors }: Created): Promise<string> {
  if (!data?.createAttachment) {
    const fault = errors?.find(({ path }) => path?.[0] === 'createAttachment');
    const { code, details } = fault?.extensions ?? { code: 'none', details: [] };
    expect([code, details.map(({ type }) => type)]).toEqual(['STORAGE_UNAVAILABLE', ['content_lost']]);
    return 'refused';
  }
  const response = await swept.stage.owner.download(data.createAttachment.attachment.url);
  expect([response.status, await response.text()]).toEqual([200, name]);
  return 'acknowledged';
}

/** The clock is set forward and back, and the other process cleans, at any moment. */
async function disturb(swept: SweepStage): Promise<void> {
  for (let step = random.integer(1, 4); step > 0; step -= 1) {
    await sleep(random.integer(0, 6));
    if (random.next() < 0.6) swept.now += (random.next() < 0.7 ? 27 : -27) * hour;
    else await swept.cleanUp();
  }
}

async function race(swept: SweepStage): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  let left = count;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      const name = swept.stage.newName();
      const answer = await swept.sendSlowly(() => disturb(swept), name);
      const [outcome] = await Promise.all([check(swept, name, answer), disturb(swept)]);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await swept.cleanUp();
  const dangling = await swept.stage.ledger.dangling();
  expect(dangling.filter((text) => text.includes('without bytes'))).toEqual([]);
  return outcomes;
}

const counts = (outcomes: Record<string, number>) =>
  Object.entries(outcomes)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ');

test('whatever the clocks do, what is acknowledged beside a sweep of another process has its bytes', async () => {
  await using swept = await SweepStage.open({});
  report(`seed ${random.seed}: ${count} slow uploads beside sweeps: ${counts(await race(swept))}`);
}, 120_000);

test('an upload that has taken long enough for a lease is not swept at all', async () => {
  await using swept = await SweepStage.open({ registerAfterMs: 0, beatMs: 20 });
  const { read } = swept.stage.ledger.database;
  for (let round = 0; round < 5; round += 1) {
    const name = swept.stage.newName();
    const answer = await swept.sendSlowly(async () => {
      while ((await read.count(IntakeRow)) === 0) await sleep(5);
      swept.now += 27 * hour;
      await swept.cleanUp();
    }, name);
    expect(await check(swept, name, answer)).toBe('acknowledged');
    while ((await read.count(IntakeRow)) > 0) await sleep(5);
  }
});

test('a PUT that takes longer than its target lives keeps the target, and its bytes have their day', async () => {
  await using swept = await SweepStage.open({ registerAfterMs: 0, beatMs: 20 });
  const { owner, ledger } = swept.stage;
  const target = await openTarget(owner, {
    content: Buffer.from('12345678'),
    name: 'a.txt',
    type: 'text/plain',
  });
  if (!('documentKey' in target)) throw new Error('There is no target.');
  const content = new ReadableStream({
    async start(controller) {
      controller.enqueue(Buffer.from('1234'));
      while ((await ledger.database.read.count(IntakeRow)) === 0) await sleep(5);
      swept.now += 50 * hour;
      await swept.cleanUp();
      controller.enqueue(Buffer.from('5678'));
      controller.close();
    },
  });
  const headers = { 'content-type': 'text/plain' };
  const put = await fetch(target.url, {
    method: 'PUT',
    headers,
    body: content,
    duplex: 'half',
  } as RequestInit);
  expect(put.status).toBe(201);
  swept.now += 23 * hour;
  await swept.cleanUp();
  const created = await createFrom(owner, target.documentKey);
  expect(await check(swept, '12345678', created)).toBe('acknowledged');
  expect(
    (await putTo(target.url, { content: Buffer.from('12345678'), name: 'a', type: 'text/plain' })).status,
  ).toBe(404);
});

test('the refused one of two PUTs at once to one target leaves the other its lease', async () => {
  await using swept = await SweepStage.open({ registerAfterMs: 0, beatMs: 20 });
  const { owner, ledger } = swept.stage;
  const file = { content: Buffer.from('12345678'), name: 'a.txt', type: 'text/plain' };
  for (let round = 0; round < 5; round += 1) {
    const target = await openTarget(owner, file);
    if (!('documentKey' in target)) throw new Error('There is no target.');
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const put = () => {
      const body = new ReadableStream({
        async start(controller) {
          controller.enqueue(Buffer.from('1234'));
          await gate;
          controller.enqueue(Buffer.from('5678'));
          controller.close();
        },
      });
      const init = { method: 'PUT', headers: { 'content-type': 'text/plain' }, body, duplex: 'half' };
      return fetch(target.url, init as RequestInit);
    };
    const puts = [put(), put()];
    // The second one is told to wait, or takes over once the first has been silent for long.
    const refused = (await Promise.race(puts)).status;
    expect([408, 409]).toContain(refused);
    const { documentKey } = target;
    // Several beats, in which a lease that is lost has gone.
    await sleep(200);
    expect(await ledger.database.read.findBy(IntakeRow, { documentKey })).toHaveLength(1);
    swept.now += 50 * hour;
    await swept.cleanUp();
    open();
    expect((await Promise.all(puts)).map(({ status }) => status).toSorted()).toEqual([201, refused]);
    expect(await check(swept, '12345678', await createFrom(owner, documentKey))).toBe('acknowledged');
  }
});

test('an hour with more orphans than a statement may name is swept, in batches', async () => {
  await using swept = await SweepStage.open({});
  const { ledger, owner } = swept.stage;
  const { documentKey } = await owner.upload(
    { content: 'kept', name: 'a.txt' },
    { record: { type: 'T', id: '1' } },
  );
  const start = documentKey.slice(0, -12);
  const keys = Array.from({ length: 70_000 }, (_, index) => start + String(index).padStart(12, '0'));
  const files = createLocalStorage(join(swept.stage.service.dataDirectory, 'files'));
  const storage = overrideStorage(files, {
    list: async function* (partition: string) {
      if (documentKey.startsWith(partition)) yield* keys;
    },
    size: async () => 1,
    remove: async () => {
      throw new Error('The first removal.');
    },
  });
  swept.now += 27 * hour;
  const clock = () => new Date(swept.now);
  const leases = new IntakeLeases(ledger.database);
  const sweeping = sweepStorage({ database: ledger.database, storage, clock, leases }, { lookBackMs: 0 });
  await expect(sweeping).rejects.toThrow('The first removal.');
  // Creations wait for so many at most.
  expect(await ledger.database.read.count(SweptKeyRow)).toBe(200);
});

test('the leases of a process that has died end, and what it had on its way goes', async () => {
  await using swept = await SweepStage.open({});
  const { ledger, owner } = swept.stage;
  const { documentKey } = await owner.upload(
    { content: 'used', name: 'a.txt' },
    { record: { type: 'Task', id: '1' } },
  );
  const lostKey = `${documentKey.slice(0, -36)}0190b5a4-0000-7000-8000-000000000000`;
  const unfinishedKey = `${documentKey.slice(0, -36)}0190b5a4-0000-7000-8000-000000000001`;
  const files = createLocalStorage(join(swept.stage.service.dataDirectory, 'files'));
  const writer = await files.create(lostKey);
  await writer.write([Buffer.from('lost')]);
  await writer.commit();
  const unfinished = await files.create(unfinishedKey);
  await unfinished.write([Buffer.from('unfinished')]);
  const ofOthers = `${documentKey.slice(0, -36)}0190b5a4-0000-7000-8000-000000000002`;
  const other = await files.create(ofOthers);
  await other.write([Buffer.from('on its way')]);
  const rows = [documentKey, lostKey, unfinishedKey].map((key) => ({
    documentKey: key,
    leaseId: 'lease',
    beat: 3,
  }));
  await ledger.database.write((manager) => manager.insert(IntakeRow, rows));
  swept.now += 27 * hour;
  await swept.cleanUp();
  const isPart = (name: string) => name.endsWith('.part');
  const stored = await ledger.files();
  expect(stored.filter((name) => !isPart(name)).toSorted()).toEqual([documentKey, lostKey].toSorted());
  expect(stored.filter(isPart)).toHaveLength(2);
  await sleep(2_100);
  await swept.cleanUp();
  await other.commit();
  expect((await ledger.files()).toSorted()).toEqual([documentKey, ofOthers].toSorted());
  await unfinished.abort();
  expect(await ledger.database.read.count(IntakeRow)).toBe(0);
});
