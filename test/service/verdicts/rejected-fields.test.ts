import { claim, link, see } from '../doors/links.js';
import { Stage } from '../doors/stage.js';
import { codeOf } from '../quotas/quota-stage.js';
import { eicar, GatedScanner } from './gated-scanner.js';

const policies = {
  policies: { shared: { sharing: 'SHARED' } },
  recordTypes: { Event: { policy: 'shared' }, '*': { policy: 'default' } },
};
const scanner = new GatedScanner();
let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open(policies, { UNLINKED_RETENTION_DAYS: '1' }, () => ({ scanner }));
});
afterAll(() => stage[Symbol.asyncDispose]());

const event = { type: 'Event', id: '1' };
const task = { type: 'Task', id: '1' };

/** One that a scanner rejects once it is in a field, and that another record owns, if one is given. */
async function reject({ owner, holder }: { owner?: typeof task; holder: typeof task }): Promise<string> {
  scanner.shut();
  const content = { content: eicar, name: `${stage.newName()}.txt` };
  const { id } = await stage.owner.upload(content);
  expect(codeOf(await link(stage.owner, { record: holder, mode: 'ADD', attachmentIds: [id] }))).toBe('ok');
  if (owner) expect(codeOf(await claim(stage.owner, id, owner))).toBe('ok');
  scanner.open();
  while ((await see(stage.owner, id))?.links.totalCount !== 0) await new Promise(setImmediate);
  return id;
}

const endOf = async (id: string) => (await see(stage.owner, id))?.expiresAt;

test.each([
  ['that a record owns whose field it was not in stays its record’s', { owner: task, holder: event }, null],
  ['that leaves its own record’s field has an end', { holder: task }, expect.any(String)],
  ['that nobody owns has an end', { holder: event }, expect.any(String)],
])('a rejected file %s', async (_, place, end) => {
  expect(await endOf(await reject(place))).toEqual(end);
});
