import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { OpaAuthorizer, type OpaAuthorizerOptions } from '../../../src/access/opa-authorizer.js';
import type { QuestionOutcome, RecordQuestion } from '../../../src/access/record-authorizer.js';
import type { Viewer } from '../../../src/auth/viewer.js';
import { AttachmentError } from '../../../src/errors.js';
import { type Asked, type PolicyServer, startPolicyServer } from '../../service/access/policy-server.js';
import { eventually } from '../../service/live/live-client.js';

let policy: PolicyServer;
let authorizer: OpaAuthorizer;
let outages: unknown[];
let recoveries: number[];
let outcomes: QuestionOutcome[];
let now: number;
beforeEach(async () => {
  policy = await startPolicyServer();
  outages = [];
  recoveries = [];
  outcomes = [];
  now = 0;
  authorizer = open();
});
afterEach(async () => {
  await authorizer.close();
  await policy.close();
});

const open = (options: Partial<OpaAuthorizerOptions> = {}) =>
  new OpaAuthorizer({
    url: policy.url,
    onOutage: (error) => outages.push(error),
    onRecovery: (unanswered) => recoveries.push(unanswered),
    onQuestion: (outcome) => outcomes.push(outcome),
    now: () => now,
    ...options,
  });
const reopen = async (options: Partial<OpaAuthorizerOptions>) => {
  await authorizer.close();
  authorizer = open(options);
};

const viewer: Viewer = {
  principal: { id: 'anna', kind: 'USER', name: 'Anna' },
  organizationId: 'acme',
  permissions: new Set(),
  keyId: null,
};
const question = (change: Partial<RecordQuestion> = {}): RecordQuestion => ({
  action: 'view',
  record: { type: 'Case', id: '1' },
  field: 'files',
  ...change,
});

test('asks as Open Policy Agent is asked, and hands the answer on', async () => {
  policy.decide = ({ action }) => action === 'view';
  expect(await authorizer.may(viewer, question())).toBe(true);
  expect(await authorizer.may(viewer, question({ action: 'edit', field: null }))).toBe(false);
  const { principal, organizationId } = viewer;
  const record = { type: 'Case', id: '1' };
  expect(policy.asked).toEqual([
    { principal, organizationId, action: 'view', record, field: 'files' },
    { principal, organizationId, action: 'edit', record, field: null },
  ]);
  expect(outages).toEqual([]);
});

test('equal questions share an answer, for three seconds; whatever differs is another question', async () => {
  await Promise.all(Array.from({ length: 100 }, () => authorizer.may(viewer, question())));
  expect(policy.asked).toHaveLength(1);
  const others = [
    [viewer, question({ action: 'edit' })],
    [viewer, question({ field: null })],
    [viewer, question({ record: { type: 'Case', id: '2' } })],
    [viewer, question({ record: { type: 'Case1', id: '' } })],
    [{ ...viewer, organizationId: 'other' }, question()],
    [{ ...viewer, principal: { ...viewer.principal, id: 'bert' } }, question()],
  ] as const;
  for (const [who, what] of others) await authorizer.may(who, what);
  expect(policy.asked).toHaveLength(7);
});

const json = (response: ServerResponse, text: string, status = 200) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(text);

const misbehaviours: Record<string, (response: ServerResponse) => void> = {
  'a fault of its own': (response) => json(response, '{"result":true}', 500),
  'another status': (response) => json(response, '{"result":true}', 201),
  'a redirect': (response) => response.writeHead(307, { location: policy.url }).end('{"result":true}'),
  'no JSON': (response) => json(response, 'yes'),
  nothing: (response) => json(response, ''),
  'JSON null': (response) => json(response, 'null'),
  'no result, as for an undefined decision': (response) => json(response, '{}'),
  'a text': (response) => json(response, '{"result":"true"}'),
  'an object': (response) => json(response, '{"result":{"allow":true}}'),
  'more than 64 KiB': (response) => json(response, `{"result":true,"x":"${'x'.repeat(70_000)}"}`),
  'half of it': (response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{"result":true}');
    response.destroy();
  },
  'a closed connection': (response) => response.destroy(),
};

/** How a question ends: with an answer, or with the code of its error. */
const endOf = (asking: Promise<boolean>) =>
  asking.catch((error: unknown) => (error instanceof AttachmentError ? error.code : error));
const ask = (id: string, who = viewer) =>
  endOf(authorizer.may(who, question({ record: { type: 'Case', id } })));
const askMany = (count: number, prefix = '', who = viewer) =>
  Promise.all(Array.from({ length: count }, (_, index) => ask(`${prefix}${index}`, who)));
const of = (organizationId: string, id = 'anna'): Viewer => ({
  ...viewer,
  organizationId,
  principal: { ...viewer.principal, id },
});

describe('a reply that is no answer is an error, neither yes nor no, and is not remembered', () => {
  test.each(Object.entries(misbehaviours))('%s', async (_, misbehave) => {
    policy.misbehave = misbehave;
    expect(await ask('1')).toBe('AUTHORIZER_UNAVAILABLE');
    expect(outages).toHaveLength(1);
    policy.misbehave = null;
    expect(await ask('1')).toBe(true);
    expect(outcomes).toEqual(['unanswered', 'permitted']);
  });

  test.each([
    ['never', () => undefined],
    [
      'a byte at a time',
      (response: ServerResponse) => {
        const timer = setInterval(() => response.write(' '), 10);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ])('one that comes %s', async (_, misbehave) => {
    await reopen({ timeoutMs: 50 });
    policy.misbehave = misbehave;
    expect(await ask('1')).toBe('AUTHORIZER_UNAVAILABLE');
  });

  test('a connection that does not come about', async () => {
    const script = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 },
      function () { console.log(this.address().port); })`;
    const halted = spawn(process.execPath, ['-e', script]);
    const [port] = (await once(halted.stdout, 'data')) as [Buffer];
    halted.kill('SIGSTOP');
    // The system makes some for a process that takes none, and then no more.
    const made = Array.from({ length: 8 }, () => connect(Number(port), '127.0.0.1').on('error', () => {}));
    await once(made[0] ?? halted, 'connect');
    try {
      await reopen({ url: `http://127.0.0.1:${Number(port)}/`, timeoutMs: 50 });
      await expect(authorizer.may(viewer, question())).rejects.toThrow(AttachmentError);
      expect(outages).toMatchObject([{ name: 'TimeoutError' }]);
    } finally {
      for (const each of made) each.destroy();
      halted.kill('SIGKILL');
    }
  });

  test('nobody listening', async () => {
    await policy.close();
    expect(await ask('1')).toBe('AUTHORIZER_UNAVAILABLE');
  });
});

test('a question longer than any record is a no, unasked', async () => {
  expect(await authorizer.may(viewer, question({ field: 'x'.repeat(20_000) }))).toBe(false);
  expect(policy.asked).toEqual([]);
});

/** Holds each question until it is let through, one by one. */
function holdQuestions() {
  const held: { asked: Asked; answer: (may: boolean) => void }[] = [];
  policy.decide = (asked) => new Promise((answer) => held.push({ asked, answer }));
  return held;
}

describe('connections', () => {
  test('one organization holds 16 of them, however much it asks, and another finds one free', async () => {
    const held = holdQuestions();
    const flood = askMany(500);
    await eventually(() => held.length === 16);
    const other = ask('own', of('other'));
    await eventually(() => held.length === 17);
    expect(held[16]?.asked.organizationId).toBe('other');
    held[16]?.answer(true);
    expect(await other).toBe(true);
    expect(policy.asked).toHaveLength(17);
    policy.decide = () => true;
    for (const { answer } of held) answer(true);
    expect(await flood).toEqual(Array.from({ length: 500 }, () => true));
    expect(policy.mostAtOnce).toBeLessThanOrEqual(20);
  });

  test('with all of them taken, organizations and their principals take turns', async () => {
    const held = holdQuestions();
    const floods = ['a', 'b'].map((name) => askMany(100, name, of(name)));
    await eventually(() => held.length === 20);
    const others = [ask('x', of('a', 'bert')), ask('y', of('c'))];
    await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 4; turn += 1) {
      held[turn]?.answer(true);
      await eventually(() => held.length === 21 + turn);
    }
    const next = held.slice(20).map(({ asked }) => `${asked.organizationId} ${asked.principal.id}`);
    // Whoever comes last waits for a turn of the organizations, and for one of its principals.
    expect(next).toContain('c anna');
    expect(next).toContain('a bert');
    policy.decide = () => true;
    for (const { answer } of held) answer(true);
    expect((await Promise.all([...floods.flat(), ...others])).flat()).not.toContain('AUTHORIZER_UNAVAILABLE');
  });

  test('waiting for one is not part of the time that an answer has', async () => {
    await reopen({ timeoutMs: 2_000 });
    const held = holdQuestions();
    const flood = askMany(40);
    await eventually(() => held.length === 16);
    // A minute later, by the authorizer's clock: those on their way are as young as before, those in the row are too old.
    now += 60_000;
    policy.decide = () => true;
    for (const { answer } of held) answer(true);
    const ends = await flood;
    expect(ends.slice(0, 16)).toEqual(Array.from({ length: 16 }, () => true));
  });
});

describe('a batch', () => {
  beforeEach(() => reopen({ batch: true }));

  test('asks what is asked at one moment in few requests, and gives each its answer', async () => {
    policy.decide = ({ record }) => Number(record.id) % 3 === 0;
    const answers = await askMany(1_000);
    expect(answers).toEqual(Array.from({ length: 1_000 }, (_, index) => index % 3 === 0));
    expect(policy.asked.map(({ record }) => Number(record.id)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 1_000 }, (_, index) => index),
    );
    expect(policy.batches).toEqual([200, 200, 200, 200, 200]);
  });

  test('is an array of one for one question, and never of two principals', async () => {
    await ask('first');
    await Promise.all([askMany(3), askMany(3, '', of('acme', 'bert')), askMany(3, '', of('other'))]);
    expect(policy.batches.toSorted()).toEqual([1, 3, 3, 3]);
  });

  test.each([
    ['too few', '{"result":[true]}'],
    ['too many', '{"result":[true,true,true]}'],
    ['one that is neither', '{"result":[true,null]}'],
    ['true for all', '{"result":true}'],
    ['none', '{}'],
    ['an object', '{"result":{"0":true,"1":true,"length":2}}'],
  ])('with %s has no answer', async (_, text) => {
    policy.misbehave = (response) => json(response, text);
    expect(await askMany(2)).toEqual(['AUTHORIZER_UNAVAILABLE', 'AUTHORIZER_UNAVAILABLE']);
  });

  test('is not taken for an answer to one question', async () => {
    await reopen({ batch: false });
    policy.misbehave = (response) => json(response, '{"result":[true]}');
    expect(await ask('1')).toBe('AUTHORIZER_UNAVAILABLE');
  });
});

test('docs/authorizer.md shows what is sent, and answers that are taken', async () => {
  const page = await readFile(new URL('../../../../docs/authorizer.md', import.meta.url), 'utf8');
  const [single, answer, batch, answers] = [...page.matchAll(/```json\n(.*?)```/gs)].map(
    ([, json = '']) => JSON.parse(json) as { input: unknown; result: unknown },
  );
  policy.misbehave = (response) => json(response, JSON.stringify(answer));
  const file = { record: { type: 'WorkPackage', id: '1' }, field: 'files' };
  expect(await authorizer.may(viewer, { action: 'edit', ...file })).toBe(answer?.result);
  expect(policy.asked).toEqual([single?.input]);
  await reopen({ batch: true });
  policy.misbehave = (response) => json(response, JSON.stringify(answers));
  const whole = { record: { type: 'WorkPackage', id: '2' }, field: null };
  const asked = [file, whole].map((what) => authorizer.may(viewer, { action: 'view', ...what }));
  expect(await Promise.all(asked)).toEqual(answers?.result);
  expect(policy.asked.slice(1)).toEqual(batch?.input);
});

describe('while nothing answers', () => {
  test('waiting and new questions fail at once, unsent, until one in the background is answered', async () => {
    await reopen({ retryMs: 1, timeoutMs: 1_000 });
    policy.misbehave = () => undefined;
    const ends = await askMany(300);
    expect(new Set(ends)).toEqual(new Set(['AUTHORIZER_UNAVAILABLE']));
    expect(outcomes).toHaveLength(300);
    // The connections of one organization, once more for those that others have left in time, and what was tried out.
    expect(outcomes.filter((outcome) => outcome === 'unanswered').length).toBeLessThanOrEqual(34);
    expect(await askMany(10, 'more')).toContain('AUTHORIZER_UNAVAILABLE');
    expect(outcomes.filter((outcome) => outcome === 'turned_away').length).toBeGreaterThanOrEqual(266);
    policy.misbehave = null;
    let isBack = false;
    for (let tries = 0; !isBack; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      isBack = (await askMany(20, `back ${tries} `)).every((end) => end === true);
    }
    expect(isBack).toBe(true);
  });

  test('to one organization, and another is answered, nobody counts as dead', async () => {
    await reopen({ retryMs: 60_000, timeoutMs: 1_500 });
    const slow = { ...viewer, organizationId: 'slow' };
    const answers: boolean[] = [];
    policy.decide = ({ organizationId }) =>
      organizationId === 'slow' ? new Promise<boolean>(() => undefined) : true;
    let isOver = false;
    const ended = Promise.allSettled(
      Array.from({ length: 48 }, (_, index) =>
        authorizer.may(slow, question({ record: { type: 'Case', id: `${index}` } })),
      ),
    ).finally(() => {
      isOver = true;
    });
    for (let round = 0; !isOver; round += 1) {
      const ids = Array.from({ length: 10 }, (_, index) => `other ${round} ${index}`);
      const asked = ids.map((id) => authorizer.may(viewer, question({ record: { type: 'Case', id } })));
      answers.push(...(await Promise.all(asked)));
    }
    expect((await ended).map(({ status }) => status)).toEqual(Array(48).fill('rejected'));
    expect(new Set(answers)).toEqual(new Set([true]));
    expect(outcomes).not.toContain('turned_away');
  });

  test('an organization whose question is being tried out keeps no other from being answered', async () => {
    await reopen({ retryMs: 60_000, timeoutMs: 1_000 });
    policy.misbehave = () => undefined;
    const dead = askMany(16);
    const greedy = { ...viewer, organizationId: 'greedy' };
    policy.decide = ({ organizationId }) =>
      organizationId === 'greedy' ? new Promise<boolean>(() => undefined) : true;
    await dead;
    policy.misbehave = null;
    const tried = [1, 2, 3].map((id) =>
      authorizer.may(greedy, question({ record: { type: 'Case', id: `${id}` } })).catch(() => 'failed'),
    );
    expect(await ask('another')).toBe(true);
    await Promise.all(tried);
  });

  test('the first single question after its return is answered', async () => {
    await reopen({ retryMs: 60_000, timeoutMs: 1_000 });
    policy.misbehave = () => undefined;
    await askMany(40);
    policy.misbehave = null;
    expect(await ask('back')).toBe(true);
    expect(new Set(await askMany(40, 'back'))).toEqual(new Set([true]));
  });

  test('a connection that is refused keeps nobody waiting, and counts against nobody who comes later', async () => {
    policy.misbehave = (response) => response.destroy();
    expect(new Set(await askMany(300))).toEqual(new Set(['AUTHORIZER_UNAVAILABLE']));
    policy.misbehave = null;
    expect(new Set(await askMany(300))).toEqual(new Set([true]));
  });

  test('the outage is told once, and its end once', async () => {
    for (let round = 0; round < 3; round += 1) {
      policy.misbehave = (response) => json(response, 'no', 503);
      await askMany(50, `down ${round}`);
      policy.misbehave = null;
      expect(await ask(`up ${round}`)).toBe(true);
    }
    expect([outages.length, recoveries]).toEqual([1, []]);
    now += 6_000;
    await ask('quiet');
    expect([outages.length, recoveries]).toEqual([1, [150]]);
    policy.misbehave = (response) => json(response, 'no', 503);
    await ask('down again');
    expect(outages).toHaveLength(2);
  });

  test('the row has an end: what is asked past it fails at once', async () => {
    const held = holdQuestions();
    const flood = askMany(20_100);
    await eventually(() => outcomes.includes('turned_away'));
    expect(outcomes).toHaveLength(100);
    await eventually(() => held.length === 16);
    // Another organization has a row of its own.
    const other = ask('1', of('other'));
    await eventually(() => held.length === 17);
    held[16]?.answer(true);
    expect(await other).toBe(true);
    await authorizer.close();
    expect(new Set(await flood)).toEqual(new Set(['AUTHORIZER_UNAVAILABLE']));
  });
});
