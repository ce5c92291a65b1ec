import { setTimeout as sleep } from 'node:timers/promises';
import { AuditEventRow } from '../../../src/database/entities/organization.js';
import type { Answer, AttachmentData, Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { roundsOf, type SeededRandom, seededRandom } from '../../support/seeded-random.js';
import { Stage } from '../doors/stage.js';

const policies = {
  policies: { shared: { sharing: 'SHARED' } },
  recordTypes: { Event: { policy: 'shared' }, '*': { policy: 'default' } },
};

/** The step by which a start is moved after each race: a few races are enough for both to win. */
const stepMs = 3;

/** Races that run beside each other: that alone mixes their statements. */
const lanes = 4;

export type Operation = (client: Client) => Promise<Answer<unknown>>;

/** The code of an answer; `ok` without an error. An answer that has neither data nor an error is none. */
export function codeOf({ data, errors }: Answer<unknown>): string {
  if (errors) return errors[0]?.extensions.code ?? 'no code';
  return data ? 'ok' : 'no data';
}

/** A service, and operations that meet on it. */
export class RaceStage implements AsyncDisposable {
  readonly random: SeededRandom = seededRandom();
  readonly stage: Stage;

  private constructor(stage: Stage) {
    this.stage = stage;
  }

  static async open(env: Record<string, string> = {}): Promise<RaceStage> {
    return new RaceStage(await Stage.open(policies, env));
  }

  get client(): Client {
    return this.stage.owner;
  }

  upload(input: object = {}): Promise<AttachmentData> {
    return this.client.upload({ content: `content ${this.stage.newName()}`, name: 'a.txt' }, input);
  }

  /** Starts the operations within a few milliseconds of each other, in any order. */
  async atOnce(operations: readonly Operation[]): Promise<Answer<unknown>[]> {
    return Promise.all(
      operations.map(async (operation) => {
        await sleep(this.random.integer(0, 4));
        return operation(this.client);
      }),
    );
  }

  /**
   * Starts two operations at nearly the same time. `isFirstAhead` tells of the answers whether the first one came first: whoever
   * did starts a little later the next time, so that both do win, on any machine.
   */
  async evenly(
    balance: { headMs: number },
    [first, second]: readonly [() => Promise<Answer<unknown>>, () => Promise<unknown>],
    isFirstAhead: (answer: Answer<unknown>) => boolean,
  ): Promise<Answer<unknown>> {
    const offset = balance.headMs + this.random.integer(-3, 3);
    const [answer] = await Promise.all([
      sleep(Math.max(0, -offset)).then(first),
      sleep(Math.max(0, offset)).then(second),
    ]);
    balance.headMs += isFirstAhead(answer) ? -stepMs : stepMs;
    return answer;
  }

  /**
   * Runs a race `byDefault` times, or more by ROUNDS; it returns how it has come out. Reports how often each outcome was seen, with the seed.
   * Throws what the first race that fails has thrown, once all have ended.
   */
  async run(name: string, byDefault: number, race: () => Promise<string>): Promise<Map<string, number>> {
    const outcomes = new Map<string, number>();
    const faults: unknown[] = [];
    const count = roundsOf(byDefault);
    let left = count;
    const lane = async () => {
      while (left > 0) {
        left -= 1;
        const outcome = await race().catch((error: unknown) => {
          faults.push(error);
          return 'FAULT';
        });
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    const counts = [...outcomes].toSorted().map(([outcome, count]) => `${count} ${outcome}`);
    report(`seed ${this.random.seed}: ${count} × ${name}: ${counts.join(', ')}`);
    if (faults.length > 0) throw faults[0];
    return outcomes;
  }

  /** How many events of each action are recorded of an attachment. */
  async events(subjectId: string): Promise<Record<string, number>> {
    const rows = await this.stage.ledger.database.read.findBy(AuditEventRow, { subjectId });
    const counts: Record<string, number> = {};
    for (const { action } of rows) counts[action] = (counts[action] ?? 0) + 1;
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage[Symbol.asyncDispose]();
  }
}
