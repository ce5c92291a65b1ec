import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { errorTable } from '../../../src/errors.js';
import { formRequest, RawConnection, type RawResponse, testBoundary } from '../../support/raw-http.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { sha256 } from '../../support/sha256.js';
import { builtInMembers } from './built-in-members.js';
import { type HashedFile, HashingServer } from './hashing-server.js';
import { FormMutator } from './mutate-form.js';

const rounds = roundsOf(2_400);
const connections = 8;
const { seed } = seededRandom();
const mutators = Array.from({ length: connections }, (_, index) => new FormMutator(seed + index));
const clientFaults = new Set<unknown>(
  Object.keys(errorTable).filter((code) => code !== 'INTERNAL_SERVER_ERROR'),
);

/** The files of a form that is well formed, found without a parser. */
function fileHashes(body: Buffer): string[] {
  const [form = ''] = `\r\n${body.toString('latin1')}`.split(`\r\n--${testBoundary}--`);
  const [, , , ...files] = form.split(`\r\n--${testBoundary}\r\n`);
  return files.map((part) => sha256(Buffer.from(part.slice(part.indexOf('\r\n\r\n') + 4), 'latin1')));
}

/** Refused with a code of its own, or taken in to the last byte. */
function isSound(body: Buffer, response: RawResponse): boolean {
  const answer = JSON.parse(response.body);
  if (response.status !== 200) return clientFaults.has(answer.code);
  const taken: HashedFile[] = answer.taken;
  return taken.map((file) => file.sha256).join() === fileHashes(body).join();
}

test(`${rounds} mutants of valid forms are each answered, and harm nothing (SEED=${seed})`, async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note).on('uncaughtException', note);
  const builtIns = builtInMembers();
  const server = await HashingServer.start();
  const statuses = new Map<number, number>();

  async function run(mutator: FormMutator, count: number): Promise<void> {
    const connection = await RawConnection.open(server.url);
    for (let i = 0; i < count; i++) {
      const body = mutator.next();
      for (const piece of mutator.cut(formRequest('/', body))) {
        void connection.send(piece);
        await setImmediate();
      }
      const response = await connection.response();
      if (!isSound(body, response))
        throw new Error(`${response.body} for ${JSON.stringify(body.toString('latin1'))}`);
      const { status } = response;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    connection.destroy();
  }

  async function runAll(count: number): Promise<number> {
    await Promise.all(mutators.map((mutator) => run(mutator, Math.ceil(count / connections))));
    await sleep(50);
    return process.memoryUsage().rss;
  }

  const warm = await runAll(rounds / 3);
  const after = await runAll((rounds * 2) / 3);
  await server.stop();
  process.off('unhandledRejection', note).off('uncaughtException', note);

  expect(unhandled).toEqual([]);
  expect(builtInMembers()).toEqual(builtIns);
  expect(after - warm).toBeLessThan(100 * 1024 * 1024);
  expect(statuses.get(200)).toBeGreaterThan(rounds / 20);
  expect(statuses.get(400)).toBeGreaterThan(rounds / 20);
});
