import { newClient } from '../../support/keys.js';
import { RawConnection, requestHead } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';
import { createTarget, type DirectTarget } from './direct-target.js';

const count = 100;
const content = Buffer.alloc(200_000, 'x');

let service: TestService;
beforeEach(async () => {
  service = await startService({ MAX_CONCURRENT_UPLOADS: `${count}`, STALL_TIMEOUT_SECONDS: '6' });
});
afterEach(() => service.close());

/** A connection that has sent the head of a PUT and so many bytes of the body. */
async function begin({ url, headers }: DirectTarget, bytes: number): Promise<RawConnection> {
  const connection = await RawConnection.open(service.url);
  const head = requestHead(new URL(url).pathname, { ...headers, 'Content-Length': content.length });
  await connection.send(
    Buffer.concat([Buffer.from(head.replace('POST', 'PUT')), content.subarray(0, bytes)]),
  );
  return connection;
}

/** The status, and the code and type of a refusal. */
async function outcome(connection: RawConnection): Promise<string> {
  const { status, body } = await connection.response(20_000);
  connection.destroy();
  const { errors } = JSON.parse(body) as {
    errors?: { extensions: { code: string; details: { type: string }[] } }[];
  };
  if (!errors) return `${status}`;
  const [error] = errors;
  return `${status} ${error?.extensions.code} ${error?.extensions.details[0]?.type ?? ''}`.trim();
}

function countEach(outcomes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const each of outcomes) counts[each] = (counts[each] ?? 0) + 1;
  return counts;
}

const putAll = async (target: DirectTarget) => outcome(await begin(target, content.length));

test('exactly one of a hundred connections with the bytes of one target wins, and no slot is kept', async () => {
  const target = await createTarget(service.client, content);
  const outcomes = await Promise.all(Array.from({ length: count }, () => putAll(target)));
  const {
    201: first,
    200: same = 0,
    '409 UPLOAD_NOT_FINISHED upload_under_way': others = 0,
  } = countEach(outcomes);
  expect([first, same + others]).toEqual([1, count - 1]);
  const targets = await Promise.all(
    Array.from({ length: count }, () => createTarget(service.client, content)),
  );
  const held = await Promise.all(targets.map((each) => begin(each, 1_000)));
  for (const connection of held) await connection.send(content.subarray(1_000));
  expect(countEach(await Promise.all(held.map(outcome)))).toEqual({ 201: count });
});

test('a hundred targets of one principal that get a byte a second stop nobody else, and are given up', async () => {
  const other = await newClient(service);
  const targets = await Promise.all(
    Array.from({ length: count }, () => createTarget(service.client, content)),
  );
  const spare = await createTarget(service.client, content);
  const slow = await Promise.all(targets.map((each) => begin(each, 1)));
  const trickles = slow.map((each) => each.sendSlowly(content.subarray(1, 60), { bytes: 1, everyMs: 1_000 }));
  const outcomes = Promise.all(slow.map(outcome));
  await other.upload({ content: 'meanwhile' });
  expect(await putAll(await createTarget(other, content))).toBe('201');
  expect(countEach(await outcomes)).toEqual({ '408 BAD_USER_INPUT timeout': count });
  await Promise.all(trickles);
  expect(await putAll(spare)).toBe('201');
  expect(await putAll(targets[0] ?? spare)).toBe('201');
});

test('one principal holds no more than a hundred slow uploads, and may go on once one has ended', async () => {
  const targets = await Promise.all(
    Array.from({ length: count + 5 }, () => createTarget(service.client, content)),
  );
  const refused: DirectTarget[] = [];
  const outcomes = new Set<string>();
  const held = await Promise.all(
    targets.map(async (target) => {
      const connection = await begin(target, 1);
      const ended = outcome(connection).then((word) => {
        outcomes.add(word);
        if (word !== '201') refused.push(target);
      });
      return { target, connection, ended };
    }),
  );
  while (refused.length < 5)
    await Promise.race(held.filter((each) => !refused.includes(each.target)).map((each) => each.ended));
  expect([...outcomes]).toEqual(['429 RATE_LIMITED too_many_uploads']);
  const stillHeld = held.filter(({ target }) => !refused.includes(target));
  expect(stillHeld).toHaveLength(count);
  for (const { connection } of stillHeld.slice(0, 5)) await connection.send(content.subarray(1));
  await Promise.all(stillHeld.slice(0, 5).map(({ ended }) => ended));
  expect([...outcomes]).toEqual(['429 RATE_LIMITED too_many_uploads', '201']);
  for (const target of refused) expect(await putAll(target)).toBe('201');
  for (const { connection } of stillHeld) connection.destroy();
  await Promise.allSettled(stillHeld.map(({ ended }) => ended));
});
