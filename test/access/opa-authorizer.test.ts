import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createOpaAuthorizer } from '../../src/auth/opa-authorizer.js';
import type { RecordAuthorizer, RecordQuestion } from '../../src/auth/record-authorizer.js';
import type { Viewer } from '../../src/auth/viewer.js';
import { report } from '../support/report.js';
import { type PolicyServer, startPolicyServer } from './policy-server.js';

let policy: PolicyServer;
let authorizer: RecordAuthorizer;
let noAnswers: unknown[];
beforeEach(async () => {
  policy = await startPolicyServer();
  noAnswers = [];
  const onNoAnswer = (error: unknown) => noAnswers.push(error);
  authorizer = createOpaAuthorizer({ url: policy.url, onNoAnswer });
});
afterEach(async () => {
  await authorizer.close();
  await policy.close();
});

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
  expect(noAnswers).toEqual([]);
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
  policy.decide = () => false;
  expect(await authorizer.may(viewer, question())).toBe(true);
  await sleep(3_100);
  expect(await authorizer.may(viewer, question())).toBe(false);
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

test.each(Object.entries(misbehaviours))(
  '%s is a no, is told, and is not remembered',
  async (_, misbehave) => {
    policy.misbehave = misbehave;
    expect(await authorizer.may(viewer, question())).toBe(false);
    expect(noAnswers).toHaveLength(1);
    policy.misbehave = null;
    expect(await authorizer.may(viewer, question())).toBe(true);
  },
);

test.each([
  ['never', () => undefined],
  [
    'a byte at a time',
    (response: ServerResponse) => {
      const timer = setInterval(() => response.write(' '), 100);
      response.on('close', () => clearInterval(timer));
    },
  ],
])('an answer that comes %s is a no after two seconds', async (_, misbehave) => {
  policy.misbehave = misbehave;
  const start = performance.now();
  expect(await authorizer.may(viewer, question())).toBe(false);
  const took = performance.now() - start;
  expect(took).toBeGreaterThan(1_900);
  expect(took).toBeLessThan(2_900);
});

test('many questions go over few connections, and all are answered or refused in time', async () => {
  policy.misbehave = (response) => void setTimeout(() => json(response, '{"result":true}'), 50);
  const ask = (index: number) =>
    authorizer.may(viewer, question({ record: { type: 'Case', id: `${index}` } }));
  const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => ask(index)));
  expect(answers.filter(Boolean)).toHaveLength(200);
  report(`200 questions at once: at most ${policy.mostAtOnce} under way`);
  expect(policy.mostAtOnce).toBeLessThanOrEqual(16);

  policy.misbehave = () => undefined;
  const start = performance.now();
  const refused = await Promise.all(Array.from({ length: 200 }, (_, index) => ask(1_000 + index)));
  expect(refused).not.toContain(true);
  expect(performance.now() - start).toBeLessThan(3_500);
});

test('nobody listening is a no, at once', async () => {
  await policy.close();
  const start = performance.now();
  expect(await authorizer.may(viewer, question())).toBe(false);
  expect(performance.now() - start).toBeLessThan(1_000);
});

test('a question longer than any record is a no, unasked', async () => {
  expect(await authorizer.may(viewer, question({ field: 'x'.repeat(20_000) }))).toBe(false);
  expect(policy.asked).toEqual([]);
});
