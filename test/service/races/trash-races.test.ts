import { AttachmentRow, TrashedAttachmentRow } from '../../../src/database/entities/attachment.js';
import type { Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { roundsOf } from '../../support/seeded-random.js';
import { day, PurgeStage } from '../cleaning/purge-stage.js';
import { claim, link } from '../doors/links.js';
import { codeOf, type Operation, RaceStage } from './race-stage.js';

const mutation = (client: Client, name: string, input: object) => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  return client.graphql<object>(`mutation ($input: ${type}!) { ${name}(input: $input) { __typename } }`, {
    input,
  });
};

const change =
  (name: string, more: object = {}) =>
  (attachmentId: string): Operation =>
  (client) =>
    mutation(client, name, { attachmentId, ...more });

/** Operations that meet on an attachment which may be in the trash. */
const operations: Record<string, (id: string) => Operation> = {
  claim: (id) => (client) => claim(client, id, { type: 'Task', id }),
  link: (id) => (client) => link(client, { record: { type: 'Event', id }, attachmentIds: [id], mode: 'ADD' }),
  update: change('updateAttachment', { description: 'x' }),
  copy: change('copyAttachment'),
  replace: change('replaceContent', { content: { base64: 'eA==' } }),
  delete: change('deleteAttachment'),
  'delete for good': change('deleteAttachment', { permanently: true }),
  'delete record': (id) => (client) =>
    mutation(client, 'deleteRecordAttachments', { record: { type: 'Task', id } }),
  restore: change('restoreAttachment'),
};
const deletions = ['delete', 'delete for good'];

describe('any two operations at once on an attachment that is deleted or restored', () => {
  let races: RaceStage;
  beforeAll(async () => {
    races = await RaceStage.open({ TRASH_DAYS: '1' });
  });
  afterAll(() => races[Symbol.asyncDispose]());

  test('each says what it has done, and it is in use or in the trash or gone', async () => {
    const names = Object.keys(operations);
    const pairs = names
      .flatMap((one, index) => names.slice(index).map((other) => [one, other]))
      .filter((pair) => pair.some((name) => [...deletions, 'restore'].includes(name)));
    let next = 0;
    const { read } = races.stage.ledger.database;
    await races.run('pairs of operations and the trash', pairs.length * 4, async () => {
      const pair = pairs[next % pairs.length] ?? [];
      const isTrashed = Math.floor(next / pairs.length) % 2 === 1;
      next += 1;
      const { id } = await races.upload();
      if (isTrashed) await races.atOnce([change('deleteAttachment')(id)]);
      const answers = await races.atOnce(pair.flatMap((name) => operations[name]?.(id) ?? []));
      const codes = answers.map(codeOf);
      expect([pair, codes.filter((code) => !['ok', 'NOT_FOUND'].includes(code))]).toEqual([pair, []]);
      const events = await races.events(id);
      const done = (among: readonly string[]) =>
        codes.filter((code, index) => code === 'ok' && among.includes(pair[index] ?? '')).length;
      expect([pair, events['ATTACHMENT_RESTORED'] ?? 0]).toEqual([pair, done(['restore'])]);
      if (!pair.includes('delete record'))
        expect([pair, events['ATTACHMENT_DELETED'] ?? 0]).toEqual([
          pair,
          done(deletions) + (isTrashed ? 1 : 0),
        ]);
      const [used, trashed] = [
        await read.countBy(AttachmentRow, { id }),
        await read.countBy(TrashedAttachmentRow, { id }),
      ];
      if (done(['delete for good']) > 0) expect([pair, used + trashed]).toEqual([pair, 0]);
      else expect([pair, used + trashed]).toEqual([pair, 1]);
      return `${used} in use, ${trashed} in the trash`;
    });
    expect(await races.stage.ledger.dangling()).toEqual([]);
  });
});

test('a restoration and the purge at once never both happen', async () => {
  await using purge = await PurgeStage.open({ TRASH_DAYS: '1' });
  const { owner } = purge.stage;
  let head = 0;
  let step = 6;
  let wonBefore: boolean | null = null;
  let restored = 0;
  const rounds = roundsOf(8);
  for (let round = 0; round < rounds; round += 1) {
    const { id, documentKey, url } = await purge.upload();
    await mutation(owner, 'deleteAttachment', { attachmentId: id });
    purge.now += day + 1;
    const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
    const [answer] = await Promise.all([
      wait(-head).then(() => mutation(owner, 'restoreAttachment', { attachmentId: id })),
      wait(head).then(() => purge.cleanUp()),
    ]);
    const won = answer.errors === undefined;
    if (!won) expect(codeOf(answer)).toBe('NOT_FOUND');
    expect([await purge.left({ id }), await purge.stored(documentKey)]).toEqual([[won], [won]]);
    expect((await owner.download(url)).status).toBe(won ? 200 : 404);
    // Strides get longer until the other side wins too.
    step = won === wonBefore ? step * 2 : 6;
    head += won ? -step : step;
    wonBefore = won;
    restored += won ? 1 : 0;
    await purge.expectNothingDangling();
  }
  report(`${rounds} restorations against the purge: ${restored} restored, ${rounds - restored} purged`);
  expect(restored).toBeGreaterThan(0);
  expect(restored).toBeLessThan(rounds);
});
