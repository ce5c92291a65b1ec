import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { recountUsage } from '../../../src/quotas/usage.js';
import { idsIn, link, type RecordRef, see } from '../../service/doors/links.js';
import type { Client } from '../../support/client.js';
import { readZip } from '../../support/read-zip.js';
import { report } from '../../support/report.js';
import { roundsOf, type SeededRandom, seededRandom } from '../../support/seeded-random.js';
import { allStored, randomKey } from '../../support/service.js';
import { type SpawnedService, spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { Ledger } from '../doors/ledger.js';

const kills = roundsOf(2);
/** Attachments in each of two fields of the record that is copied. */
const perField = 12;
const source = { type: 'Task', id: 'source' };
const places = ['a', 'b', 'c'].map((id) => ({ type: 'Task', id }));

interface Copy {
  to: RecordRef;
  idempotencyKey: string;
}

const copyRecord = (client: Client, copy: Copy) =>
  client.graphql<object>(
    'mutation ($input: CopyRecordAttachmentsInput!) { copyRecordAttachments(input: $input) { record { id } } }',
    { input: { from: source, ...copy } },
  );

const transfer = (client: Client, input: object) =>
  client.graphql<object>(
    'mutation ($input: TransferAttachmentInput!) { transferAttachment(input: $input) { attachment { id } } }',
    { input },
  );

/** Work that goes on until its service is killed, and what is known of it. */
class Life {
  readonly random: SeededRandom = seededRandom();
  readonly acknowledged: Copy[] = [];
  readonly cutOff: Copy[] = [];
  readonly counts = { transfers: 0, wholeZips: 0, cutZips: 0 };
  /** The attachment that is given away, its owner as acknowledged, and the one that it may have since. */
  moving = { id: '', owner: places[0] as RecordRef, next: null as RecordRef | null };
  #copies = 0;

  async fill({ client }: SpawnedService): Promise<void> {
    const ids: string[] = [];
    for (let index = 0; index < perField; index += 1) {
      const place = { record: source, field: 'one' };
      ids.push((await client.upload({ content: randomBytes(40_000), name: `${index}.bin` }, place)).id);
    }
    await link(client, { record: source, field: 'two', attachmentIds: ids });
    const place = { record: this.moving.owner, field: 'files' };
    this.moving.id = (await client.upload({ content: 'moving', name: 'm.txt' }, place)).id;
  }

  async copy({ client }: SpawnedService): Promise<void> {
    for (;;) {
      this.#copies += 1;
      const copy = { to: { type: 'Task', id: `copy ${this.#copies}` }, idempotencyKey: `${this.#copies}` };
      const answer = await copyRecord(client, copy).catch(() => null);
      (answer?.data ? this.acknowledged : this.cutOff).push(copy);
      if (!answer) return;
      expect(answer.errors).toBeUndefined();
    }
  }

  async transfer({ client }: SpawnedService): Promise<void> {
    for (;;) {
      const { id: attachmentId, owner: from } = this.moving;
      const others = places.filter((place) => place !== from);
      const to = others[this.random.integer(0, 1)] as RecordRef;
      this.moving.next = to;
      const answer = await transfer(client, { attachmentId, from, to, field: 'files' }).catch(() => null);
      if (!answer) return;
      expect(answer.errors).toBeUndefined();
      this.moving = { id: attachmentId, owner: to, next: null };
      this.counts.transfers += 1;
    }
  }

  /** A ZIP that is taken for whole has all files. */
  async archive({ client }: SpawnedService): Promise<void> {
    for (;;) {
      const zip = await fetchZip(client).catch(() => null);
      if (zip === null) return;
      const files = tryRead(zip);
      if (files) expect(files.map(({ content }) => content.length)).toEqual(Array(perField).fill(40_000));
      this.counts[files ? 'wholeZips' : 'cutZips'] += 1;
    }
  }

  /** Either all of each copy is there or nothing; a repetition makes it whole, once. */
  async check({ client }: SpawnedService): Promise<void> {
    const held = async ({ to }: Copy) => [
      (await idsIn(client, to, 'one')).length,
      (await idsIn(client, to, 'two')).length,
    ];
    const whole = [perField, perField];
    for (const copy of this.acknowledged.splice(0)) expect(await held(copy)).toEqual(whole);
    for (const copy of this.cutOff.splice(0)) {
      expect([whole, [0, 0]]).toContainEqual(await held(copy));
      expect((await copyRecord(client, copy)).errors).toBeUndefined();
      expect(await held(copy)).toEqual(whole);
    }
    const { id, owner, next } = this.moving;
    const record = (await see(client, id))?.record as RecordRef;
    expect([owner, next]).toContainEqual(record);
    for (const place of places)
      expect(await idsIn(client, place, 'files')).toEqual(place.id === record.id ? [id] : []);
    this.moving = { id, owner: places.find((place) => place.id === record.id) ?? owner, next: null };
  }
}

/** As much as came; null if there was no answer. */
async function fetchZip(client: Client): Promise<Buffer> {
  const { record } = await client.ask<{ record: { archiveUrl: string } }>(
    `{ record(type: "Task", id: "source") { archiveUrl } }`,
  );
  const { body } = await fetch(record.archiveUrl);
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of body ?? []) chunks.push(chunk);
  } catch {
    // The process was killed.
  }
  return Buffer.concat(chunks);
}

function tryRead(zip: Buffer) {
  try {
    return readZip(zip);
  } catch {
    return null;
  }
}

test(`kill -9 during copies of a record, transfers and ZIPs, ${kills} times: all or nothing of each`, async () => {
  const directory = await makeTemporaryDirectory();
  const env = { ...allStored, DATA_DIR: directory, BOOTSTRAP_API_KEY: randomKey(), SCANNER: 'none' };
  const life = new Life();
  const seen = { copies: 0, cutOff: 0 };
  for (let round = 0; round <= kills; round += 1) {
    const service = await spawnService(env);
    if (round === 0) await life.fill(service);
    await life.check(service);
    if (round === kills) {
      await service.end('SIGTERM');
      break;
    }
    const working = [life.copy(service), life.transfer(service), life.archive(service)];
    while (life.acknowledged.length === 0) await sleep(5);
    await sleep(life.random.integer(0, 100));
    await service.end('SIGKILL');
    await Promise.all(working);
    seen.copies += life.acknowledged.length;
    seen.cutOff += life.cutOff.length;
  }
  await using ledger = await Ledger.open(directory);
  expect(await ledger.dangling()).toEqual([]);
  for (const { counted, actual } of await recountUsage(ledger.database.read)) expect(counted).toEqual(actual);
  report(`seed ${life.random.seed}, ${kills} kills: ${JSON.stringify({ ...seen, ...life.counts })}`);
  await rm(directory, { recursive: true, force: true });
}, 120_000);
