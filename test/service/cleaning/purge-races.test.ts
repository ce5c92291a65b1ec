import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from '../../support/client.js';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { bring, createFrom } from '../doors/doors.js';
import { claim, faultsOf, link, see } from '../doors/links.js';
import { day, minute, PurgeStage } from './purge-stage.js';

const rounds = roundsOf(10);
const random = seededRandom();

let purge: PurgeStage;
beforeAll(async () => {
  purge = await PurgeStage.open({ GRACE_PERIOD_MINUTES: '1' });
});
afterAll(() => purge[Symbol.asyncDispose]());
afterEach(() => purge.expectNothingDangling());

/**
 * Lets the cleaning and an attempt of a client's begin at nearly the same time, over and over: whoever has won starts
 * later the next time, by less whenever the winner changes, so that both do win, on any machine. Returns how often the
 * client did.
 */
async function race(run: (start: (attempt: Attempt) => Promise<Answer<unknown>>) => Promise<boolean>) {
  let head = 0;
  let step = 16;
  let before: boolean | null = null;
  let wins = 0;
  for (let round = 0; round < rounds; round += 1) {
    const jitter = random.integer(-3, 3);
    const won = await run(async (attempt) => {
      const [answer] = await Promise.all([
        sleep(Math.max(0, -head - jitter)).then(attempt),
        sleep(Math.max(0, head + jitter)).then(() => purge.cleanUp()),
      ]);
      return answer;
    });
    if (before === !won) step = Math.max(2, step / 2);
    before = won;
    head += won ? -step : step;
    wins += won ? 1 : 0;
    await purge.expectNothingDangling();
  }
  expect(wins).toBeGreaterThan(0);
  expect(wins).toBeLessThan(rounds);
  return wins;
}

type Attempt = () => Promise<Answer<unknown>>;

const takings = {
  claim: (id: string) => claim(purge.stage.owner, id, { type: 'Task', id }),
  'link EXCLUSIVE': (id: string) =>
    link(purge.stage.owner, { record: { type: 'Task', id: 'field' }, attachmentIds: [id], mode: 'ADD' }),
  'link SHARED': (id: string) =>
    link(purge.stage.owner, { record: { type: 'Event', id: 'field' }, attachmentIds: [id], mode: 'ADD' }),
};
const kinds = Object.keys(takings) as (keyof typeof takings)[];

test(`a claim or link and the purge never both succeed, nor both fail (SEED=${random.seed})`, async () => {
  const wins = await race(async (start) => {
    const { id, documentKey } = await purge.upload();
    const kind = kinds[random.integer(0, kinds.length - 1)] ?? 'claim';
    purge.now += 2 * minute;
    const answer = await start(() => takings[kind](id));
    const won = answer.errors === undefined;
    if (!won) expect([kind, faultsOf(answer)?.code]).toEqual([kind, 'NOT_FOUND']);
    expect([kind, await purge.left({ id }), await purge.stored(documentKey)]).toEqual([kind, [won], [won]]);
    expect(await see(purge.stage.owner, id)).toEqual(
      won ? expect.objectContaining({ expiresAt: null }) : null,
    );
    return won;
  });
  report(`${rounds} races with the purge: ${wins} claimed or linked, ${rounds - wins} purged`);
});

test('an attachment that is made of brought bytes has them, or they are gone', async () => {
  const { owner } = purge.stage;
  const wins = await race(async (start) => {
    const key = String(await bring(owner, { content: Buffer.from('brought'), name: 'b.txt', type: null }));
    purge.now += 2 * day;
    const answer = await start(() => createFrom(owner, key, { record: { type: 'Task', id: key } }));
    const won = answer.errors === undefined;
    if (!won) expect(faultsOf(answer)?.code).toBe('DOCUMENT_KEY_UNKNOWN');
    expect(await purge.stored(key)).toEqual([won]);
    return won;
  });
  report(`${rounds} races for brought bytes: ${wins} attachments, ${rounds - wins} dropped`);
});

test('a copy has the bytes of what is purged, or there is none', async () => {
  const query =
    'mutation ($input: CopyAttachmentInput!) { copyAttachment(input: $input) { attachment { url } } }';
  const { owner } = purge.stage;
  const wins = await race(async (start) => {
    const { id } = await purge.upload();
    purge.now += 2 * minute;
    const answer = await start(() => owner.graphql(query, { input: { attachmentId: id } }));
    const made = answer.data as { copyAttachment: { attachment: { url: string } } | null } | null;
    expect(await purge.left({ id })).toEqual([false]);
    if (!made?.copyAttachment) return false;
    const bytes = await owner.download(made.copyAttachment.attachment.url);
    expect(await bytes.text()).toBe('not for long');
    return true;
  });
  report(`${rounds} races of a copy with the purge: ${wins} copies`);
});
