import { join } from 'node:path';
import { cleanUp } from '../../../src/cleaning/clean-up.js';
import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { IntakeLeases } from '../../../src/intake/intake-leases.js';
import { Changes } from '../../../src/model/changes.js';
import { forgetWebhooks } from '../../../src/webhooks/fan-out.js';
import type { AttachmentData } from '../../support/client.js';
import { allStored } from '../../support/service.js';
import { FragileStorage } from '../../system/doors/fragile-storage.js';
import { Stage } from '../doors/stage.js';

export const minute = 60_000;
export const day = 24 * 60 * minute;

const policies = {
  policies: { shared: { sharing: 'SHARED' } },
  recordTypes: { Event: { policy: 'shared' }, '*': { policy: 'default' } },
};

/** A service whose clock stands where it is put, and the cleaning of another process beside it. */
export class PurgeStage implements AsyncDisposable {
  readonly stage: Stage;
  readonly storage: FragileStorage;
  readonly #time: { now: number };
  #leases: IntakeLeases | null = null;

  private constructor(stage: Stage, storage: FragileStorage, time: { now: number }) {
    this.stage = stage;
    this.storage = storage;
    this.#time = time;
  }

  static async open(env: Record<string, string> = {}): Promise<PurgeStage> {
    const time = { now: Date.now() };
    const storages: FragileStorage[] = [];
    const stage = await Stage.open(policies, { ...allStored, ...env }, (dataDirectory) => {
      const storage = new FragileStorage(join(dataDirectory, 'files'));
      storages.push(storage);
      return { clock: () => new Date(time.now), storage };
    });
    const [storage] = storages;
    if (!storage) throw new Error('The stage has no storage.');
    return new PurgeStage(stage, storage, time);
  }

  /** In milliseconds since 1970. */
  get now(): number {
    return this.#time.now;
  }

  set now(now: number) {
    this.#time.now = now;
  }

  /** Does once what the service does every minute, over a connection of its own to the database. */
  cleanUp(): Promise<void> {
    const { stage, storage } = this;
    const webhooks = { forget: forgetWebhooks };
    const clock = () => new Date(this.now);
    const { database } = stage.ledger;
    this.#leases ??= new IntakeLeases(database);
    const leases = this.#leases;
    const changes = new Changes();
    return cleanUp({
      database,
      storage,
      clock,
      webhooks,
      changes,
      leases,
      auditRetentionMs: 0,
      webhookRetentionMs: 1,
    });
  }

  upload(input: object = {}): Promise<AttachmentData> {
    return this.stage.owner.upload({ content: 'not for long', name: 'a.txt' }, input);
  }

  /** Which of the attachments, by id, still have a row. */
  async left(...attachments: { id: string }[]): Promise<boolean[]> {
    const rows = await this.stage.ledger.database.read.find(AttachmentRow, { select: { id: true } });
    const ids = new Set(rows.map(({ id }) => id));
    return attachments.map(({ id }) => ids.has(id));
  }

  /** Which of the files still are there. */
  async stored(...documentKeys: string[]): Promise<boolean[]> {
    const files = await this.stage.ledger.files();
    return documentKeys.map((key) => files.includes(key));
  }

  async expectNothingDangling(): Promise<void> {
    expect(await this.stage.ledger.dangling()).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage[Symbol.asyncDispose]();
  }
}
