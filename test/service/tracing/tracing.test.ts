import { setImmediate as nextTurn } from 'node:timers/promises';
import { context, propagation, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { FairWork } from '../../../src/limits/fair-queue.js';
import { formBody, formHeaders, graphqlForm, RawConnection, requestHead } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { allStored, startService, type TestService } from '../../support/service.js';
import { WebhookReceiver, webhookSecret } from '../../support/webhook-receiver.js';
import { eventually } from '../live/live-client.js';
import { LiveSocket } from '../live/live-socket.js';
import { StreamClient } from '../live/stream-client.js';

const exporter = new InMemorySpanExporter();
const secretName = 'hush-merger.txt';
const content = 'Strictly confidential: the merger is off.';
let service: TestService;
const receiver = new WebhookReceiver();
let receiverUrl: string;

beforeAll(async () => {
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  service = await startService({
    WEBHOOK_ALLOW_PRIVATE: 'true',
    SCANNER: 'eicar',
    WEBHOOK_SECRET: webhookSecret,
    ...allStored,
  });
  receiverUrl = await receiver.open();
  // The first use of a key is noted in a transaction.
  await service.client.upload({ content, name: secretName });
});
afterAll(async () => {
  await service.close();
  receiver.close();
  trace.disable();
  context.disable();
  propagation.disable();
});
beforeEach(() => exporter.reset());

const isOf = (traceId: string) => (span: ReadableSpan) => span.spanContext().traceId === traceId;

/** The names of spans as a tree: each with those below it, the first to begin first. */
function treeOf(spans: readonly ReadableSpan[], parent?: ReadableSpan): object {
  const below = spans.filter((span) =>
    parent ? span.parentSpanContext?.spanId === parent.spanContext().spanId : isTop(spans, span),
  );
  return Object.fromEntries(below.map((span) => [span.name, treeOf(spans, span)]));
}

function isTop(spans: readonly ReadableSpan[], { parentSpanContext: parent }: ReadableSpan): boolean {
  return !spans.some((span) => span.spanContext().spanId === parent?.spanId);
}

let traces = 0;
function newTrace() {
  traces += 1;
  const traceId = traces.toString(16).padStart(32, 'a');
  return { traceId, headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } };
}

async function spansOf(traceId: string, name: string): Promise<ReadableSpan[]> {
  const find = () => exporter.getFinishedSpans().filter(isOf(traceId));
  await eventually(() => find().some((span) => span.name === name));
  return find();
}

const create = `mutation Create($file: Upload!) {
  createAttachment(input: { content: { upload: $file } }) { attachment { id url } } }`;

function upload(headers: Record<string, string>, size = content.length): Promise<Response> {
  const form = new FormData();
  form.set('operations', JSON.stringify({ query: create, variables: { file: null } }));
  form.set('map', JSON.stringify({ 0: ['variables.file'] }));
  form.set('0', new Blob([content.padEnd(size)]), secretName);
  return fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { ...service.client.headers, ...headers, 'apollo-require-preflight': 'true' },
    body: form,
  });
}

test('an upload is one trace, which goes on from its caller', async () => {
  const { traceId, headers } = newTrace();
  const answer = await upload(headers);
  await answer.text();
  const spans = await spansOf(traceId, 'POST /graphql');
  expect(treeOf(spans)).toEqual({ 'POST /graphql': { intake: {}, mutation: { transaction: {} } } });
  const [request] = spans.filter(({ name }) => name === 'POST /graphql');
  expect(request?.parentSpanContext?.spanId).toBe('00f067aa0ba902b7');
  expect(request?.attributes).toEqual({
    'http.request.method': 'POST',
    'http.route': '/graphql',
    'url.scheme': 'http',
    'http.response.status_code': 200,
    'claimcheck.request.id': answer.headers.get('x-request-id'),
  });
  const attributesOf = (name: string) => spans.find((span) => span.name === name)?.attributes;
  expect(attributesOf('mutation')).toEqual({
    'graphql.operation.type': 'mutation',
    'graphql.operation.name': 'Create',
  });
  expect(attributesOf('intake')).toEqual({
    'claimcheck.content.size': content.length,
    'claimcheck.content.inlined': false,
  });
  expect(attributesOf('transaction')).toMatchObject({ 'db.operation.name': 'TRANSACTION' });
  expect(['sqlite', 'postgresql']).toContain(attributesOf('transaction')?.['db.system.name']);
});

test('requests at once do not mix', async () => {
  const all = Array.from({ length: 20 }, newTrace);
  // Small forms are read as a whole, large ones by events of their connections.
  await Promise.all(
    all.map(async ({ headers }, at) => (await upload(headers, at % 2 ? 1_000_000 : 0)).text()),
  );
  for (const { traceId } of all) {
    const tree = treeOf(await spansOf(traceId, 'POST /graphql'));
    expect(tree).toEqual({ 'POST /graphql': { intake: {}, mutation: { transaction: {} } } });
  }
});

test('work that waits for its turn goes on in the span of whoever asked for it', async () => {
  const never = () => new Error('never');
  const work = new FairWork<string, [string, string | undefined]>({
    capacity: 10,
    patienceMs: 60_000,
    run: async (name) => {
      await nextTurn();
      return [name, trace.getActiveSpan()?.spanContext().spanId];
    },
    whenFull: never,
    whenLate: never,
    whenClosed: never,
  });
  const asked = ['a', 'b', 'c'].map((name) =>
    trace.getTracer('test').startActiveSpan(name, async (span) => {
      const done = await work.do({ organizationId: 'o', principalId: name }, name);
      span.end();
      return { done, expected: [name, span.spanContext().spanId] };
    }),
  );
  for (const { done, expected } of await Promise.all(asked)) expect(done).toEqual(expected);
});

test('each file of a form that arrives slowly belongs to its request', async () => {
  const { traceId, headers } = newTrace();
  const files = ['a', 'b', 'c'];
  const fields = files.map(
    (name) => `${name}: createAttachment(input: { content: { upload: $${name} } }) { attachment { id } }`,
  );
  const query = `mutation (${files.map((name) => `$${name}: Upload!`).join(' ')}) { ${fields.join(' ')} }`;
  const form = graphqlForm(
    { query, variables: { a: null, b: null, c: null } },
    Object.fromEntries(files.map((name, at) => [at, [`variables.${name}`]])),
    files.map(() => ({ content: content.padEnd(200_000) })),
  );
  const body = formBody(form);
  const connection = await RawConnection.open(service.url);
  const authorization = `Bearer ${service.key}`;
  const more = { Authorization: authorization, 'Apollo-Require-Preflight': 'true', ...headers };
  await connection.send(requestHead('/graphql', { ...formHeaders(body.length), ...more }));
  await connection.sendSlowly(body, { bytes: 150_000, everyMs: 20 });
  expect((await connection.response()).status).toBe(200);
  connection.destroy();
  const spans = await spansOf(traceId, 'POST /graphql');
  expect(spans.filter(({ name }) => name === 'intake')).toHaveLength(files.length);
});

test('scans and deliveries are traces of their own, with what they come to', async () => {
  const webhooks = [{ uri: receiverUrl, interactions: ['ATTACHMENT_APPROVED'] }];
  await service.client.upload({ content, name: secretName }, { webhooks });
  const named = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
  await eventually(() => named('deliver webhook').length > 0 && named('scan').length > 0);
  expect(named('scan')[0]?.attributes).toEqual({
    'claimcheck.job.attempt': 1,
    'claimcheck.scan.outcome': 'approved',
  });
  expect(named('deliver webhook')[0]?.attributes).toEqual({
    'claimcheck.job.attempt': 1,
    'claimcheck.delivery.outcome': 'delivered',
  });
});

test('uploads to targets, downloads, event streams and refusals have their spans', async () => {
  const { createUploadTarget } = await service.client.ask<{
    createUploadTarget: { target: { url: string } };
  }>(
    `mutation { createUploadTarget(input: { fileName: "${secretName}", contentType: "text/plain", size: ${content.length} }) {
      target { url } } }`,
  );
  const put = newTrace();
  const target = createUploadTarget.target.url;
  const headers = { 'content-type': 'text/plain' };
  await (
    await fetch(target, { method: 'PUT', headers: { ...headers, ...put.headers }, body: content })
  ).text();
  const putSpans = await spansOf(put.traceId, 'PUT /uploads/*');
  expect(treeOf(putSpans)).toEqual({ 'PUT /uploads/*': { intake: { transaction: {} } } });

  const { url } = await service.client.upload({ content, name: secretName });
  const got = newTrace();
  await (await service.client.download(url, got.headers)).text();
  await spansOf(got.traceId, 'GET /attachments/:id/*');

  const streamed = newTrace();
  const streams = new StreamClient(service.url, service.key, { headers: streamed.headers });
  const told = streams.subscribe({ query: 'query Who { viewer { organizationId } }' });
  await told.completed();
  streams.close();
  const streamSpans = await spansOf(streamed.traceId, 'POST /graphql/stream');
  expect(treeOf(streamSpans)).toEqual({ 'POST /graphql/stream': { query: {} } });

  const refused = newTrace();
  await fetch(`${service.url}/nothing/${secretName}`, { method: 'PROPFIND', headers: refused.headers });
  const [span] = await spansOf(refused.traceId, '_OTHER');
  expect(span?.attributes).toMatchObject({
    'http.request.method': '_OTHER',
    'http.response.status_code': 404,
  });
});

test('subscriptions are operations of their connection, by WebSocket and as event streams', async () => {
  const payload = {
    query: 'subscription Live { attachmentChanged(record: { type: "T", id: "1" }) { id } }',
  };
  const operation = { 'graphql.operation.type': 'subscription', 'graphql.operation.name': 'Live' };
  const named = (spans: readonly ReadableSpan[]) =>
    spans.find(({ name }) => name === 'subscription')?.attributes;

  const bySocket = newTrace();
  const live = await LiveSocket.acknowledged(service.url, service.key, bySocket.headers);
  for (const id of ['a', 'b']) live.say({ id, type: 'subscribe', payload });
  const count = (spans: readonly ReadableSpan[]) =>
    spans.filter(({ name }) => name === 'subscription').length;
  await eventually(() => count(exporter.getFinishedSpans().filter(isOf(bySocket.traceId))) === 2);
  const socketSpans = exporter.getFinishedSpans().filter(isOf(bySocket.traceId));
  expect(treeOf(socketSpans)).toEqual({ 'GET /graphql': { subscription: {} } });
  expect(named(socketSpans)).toEqual(operation);
  const [handshake] = socketSpans.filter(({ name }) => name === 'GET /graphql');
  expect(handshake?.attributes).toMatchObject({
    'http.request.method': 'GET',
    'http.route': '/graphql',
    'url.scheme': 'ws',
    'http.response.status_code': 101,
  });
  live.end();

  const byStream = newTrace();
  const streams = new StreamClient(service.url, service.key, { headers: byStream.headers });
  streams.subscribe(payload);
  const streamSpans = await spansOf(byStream.traceId, 'subscription');
  expect(named(streamSpans)).toEqual(operation);
  streams.close();
  expect(treeOf(await spansOf(byStream.traceId, 'POST /graphql/stream'))).toEqual({
    'POST /graphql/stream': { subscription: {} },
  });
});

test('no span has a secret, a name of a file, a path or an address in it', async () => {
  const webhooks = [{ uri: `${receiverUrl}/token-of-receiver`, interactions: ['ATTACHMENT_APPROVED'] }];
  const { id, url } = await service.client.upload({ content, name: secretName }, { webhooks });
  const find = () =>
    service.client.ask<{ attachment: { downloadUrl: string | null } }>(
      'query ($id: ID!) { attachment(id: $id) { downloadUrl } }',
      { id },
    );
  let downloadUrl: string | null = null;
  while (downloadUrl === null) ({ downloadUrl } = (await find()).attachment);
  for (const address of [downloadUrl, `${downloadUrl}x`, url]) await (await fetch(address)).text();
  await service.client.tryUpload({ content: 'x', name: `${secretName}\u0007` });
  await service.client.graphql(`{ attachment(id: "${service.key}") { id } }`);
  await eventually(() => exporter.getFinishedSpans().some(({ name }) => name === 'deliver webhook'));
  const spans = exporter.getFinishedSpans();
  const text = JSON.stringify(
    spans.map(({ name, attributes, events, status, links }) => ({ name, attributes, events, status, links })),
  );
  const signature = new URL(downloadUrl).searchParams.get('signature') ?? 'none';
  for (const secret of [service.key, signature, 'hush', 'merger', 'token-of-receiver', '127.0.0.1']) {
    expect([secret, text.includes(secret)]).toEqual([secret, false]);
  }
  report(`${spans.length} spans of ${new Set(spans.map(({ name }) => name)).size} names`);
});
