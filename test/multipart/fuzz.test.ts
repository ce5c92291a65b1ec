import { setTimeout as sleep } from 'node:timers/promises';
import { errorTable } from '../../src/errors.js';
import { formRequest, RawConnection } from '../support/raw-http.js';
import { builtInMembers } from './built-in-members.js';
import { HashingServer } from './hashing-server.js';
import { FormMutator } from './mutate-form.js';

const rounds = 6000;
const connections = 8;
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_007);
const mutators = Array.from({ length: connections }, (_, index) => new FormMutator(seed + index));
const clientFaults = new Set<unknown>(
  Object.keys(errorTable).filter((code) => code !== 'INTERNAL_SERVER_ERROR'),
);

function isTyped(status: number, body: string): boolean {
  const answer = JSON.parse(body);
  return status === 200 ? Array.isArray(answer.taken) : clientFaults.has(answer.code);
}

test(`${rounds} mutants of valid forms are each answered, and harm nothing (FUZZ_SEED=${seed})`, async () => {
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
      void connection.send(formRequest('/', body));
      const { status, body: answer } = await connection.response();
      if (!isTyped(status, answer))
        throw new Error(`${answer} for ${JSON.stringify(body.toString('latin1'))}`);
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
  expect(server.leftBehind).toBe(0);
  expect(server.leakedListeners.filter((count) => count > 0)).toEqual([]);
  expect(after - warm).toBeLessThan(100 * 1024 * 1024);
  process.stderr.write(JSON.stringify([...statuses, warm >> 20, after >> 20]) + '\n');
  expect(statuses.get(200)).toBeGreaterThan(rounds / 20);
  expect(statuses.get(400)).toBeGreaterThan(rounds / 20);
});
