import { createClaimcheck } from '../../../src/client/node.js';
import { answer, startFront } from '../../support/front.js';
import { startService, type TestService } from '../../support/service.js';

let service: TestService;
beforeAll(async () => {
  service = await startService({ SCANNER: 'eicar' });
});
afterAll(() => service.close());

const connect = (url = service.url) => createClaimcheck({ url, credential: service.key });
const upload = (fileName: string) => connect().upload(new Blob([fileName]), { fileName });
const recordOf = (id: string) => ({ type: 'WorkPackage', id });

test('the credential is asked for before each request, and may have a scheme', async () => {
  const credentials = [`Basic ${service.key}`, service.key, 'cck_wrong'];
  const claimcheck = createClaimcheck({
    url: `${service.url}/`,
    credential: async () => credentials.shift() ?? '',
  });
  expect(await claimcheck.viewer()).toMatchObject({
    permissions: expect.arrayContaining(['attachments:read']),
  });
  expect(await claimcheck.viewer()).toMatchObject({ principal: { kind: 'SERVICE' } });
  await expect(claimcheck.viewer()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('a credential is asked for again if its server was away, and one that no header may have is refused', async () => {
  const answers = [() => fetch('http://127.0.0.1:1/token'), async () => new Response(service.key)];
  const credential = async () => (await answers.shift()?.())?.text() ?? '';
  expect(await createClaimcheck({ url: service.url, credential }).viewer()).toHaveProperty('principal');
  const own = new Error('nobody is logged in');
  const refusing = createClaimcheck({ url: service.url, credential: () => Promise.reject(own) });
  await expect(refusing.viewer()).rejects.toBe(own);
  for (const typed of ['cck_abc…', 'two\nlines']) {
    const wrong = createClaimcheck({ url: service.url, credential: typed });
    await expect(wrong.viewer()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(wrong.upload(new Blob(['x']))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  }
});

test.each([['{"errors":{"name":["is taken"]}}'], ['{"errors":"no"}'], ['{"errors":["no",null]}']])(
  '%s is no answer of the service',
  async (body) => {
    await using front = await startFront(service.url, () => answer(200, {}, body));
    await expect(connect(front.url).viewer()).rejects.toMatchObject({
      code: 'UNEXPECTED_ANSWER',
      message: expect.stringContaining('HTTP 200'),
    });
  },
);

test('an answer without errors may say so', async () => {
  const body = '{"data":{"viewer":{"organizationId":"x"}},"errors":null}';
  await using front = await startFront(service.url, () => answer(200, {}, body));
  expect(await connect(front.url).viewer()).toEqual({ organizationId: 'x' });
});

test('a URL that is none, or of another protocol, is refused at once', () => {
  expect(() => connect('nowhere')).toThrow(TypeError);
  expect(() => connect('ftp://127.0.0.1')).toThrow('is no http or https URL');
});

test.each([undefined, null, 7, {}])('%p in the place of a credential is refused at once', (credential) => {
  const options = { url: service.url, credential: credential as unknown as string };
  expect(() => createClaimcheck(options)).toThrow(new TypeError('No credential.'));
});

test('a claim says whether it was one, and of another record it is refused', async () => {
  const { id } = await upload('claimed.txt');
  const record = recordOf('claimed');
  expect(await connect().claim(id, record)).toMatchObject({
    alreadyClaimed: false,
    attachment: { id, record },
  });
  expect(await connect().claim(id, record)).toMatchObject({ alreadyClaimed: true });
  await expect(connect().claim(id, recordOf('other'))).rejects.toMatchObject({ code: 'ALREADY_CLAIMED' });
});

test('links are added by default, replaced or taken out', async () => {
  const record = recordOf('linked');
  const [one, two] = [await upload('1.txt'), await upload('2.txt')];
  const options = { record, field: 'files' };
  const idsOf = ({ links }: { links: { attachment: { id: string } }[] }) =>
    links.map(({ attachment }) => attachment.id);
  expect(idsOf(await connect().link([one.id], options))).toEqual([one.id]);
  const both = await connect().link([two.id], options);
  expect(idsOf(both)).toEqual([one.id, two.id]);
  expect(idsOf(await connect().link([two.id], { ...options, mode: 'REPLACE' }))).toEqual([two.id]);
  const stale = connect().link([one.id], { ...options, expectedVersion: both.version });
  await expect(stale).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
  expect(await connect().unlink([two.id], options)).toMatchObject({ links: [], unlinked: [{ id: two.id }] });
  expect(await connect().field(record, 'files')).toMatchObject({ name: 'files', links: [] });
});

test('a list has pages and conditions', async () => {
  const record = recordOf('listed');
  for (const name of ['a.txt', 'b.txt', 'c.txt']) await connect().claim((await upload(name)).id, record);
  const orderBy = { field: 'FILE_NAME', direction: 'ASC' } as const;
  const first = await connect().list({ filter: { record }, orderBy, first: 2 });
  expect([first.hasNextPage, first.nodes.map(({ fileName }) => fileName)]).toEqual([
    true,
    ['a.txt', 'b.txt'],
  ]);
  const second = await connect().list({ filter: { record }, orderBy, first: 2, after: first.endCursor });
  expect([second.hasNextPage, second.nodes.map(({ fileName }) => fileName)]).toEqual([false, ['c.txt']]);
  expect(await connect().list({ first: 1_000 })).toMatchObject({ hasNextPage: false });
});

test('one that is not there is null, and its download is NOT_FOUND', async () => {
  const id = '01a21b36-b212-7641-bcca-942f9952576e';
  expect(await connect().get(id)).toBeNull();
  await expect(connect().download(id)).rejects.toMatchObject({ code: 'NOT_FOUND', status: 404 });
  await expect(connect().download('\ud800')).rejects.toThrow(URIError);
  await expect(connect().downloadUrl(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(connect().delete(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a download goes on within the content it began with, and has a signed URL', async () => {
  const { id, sha256 } = await upload('0123456789');
  await until(async () => (await connect().get(id))?.status === 'APPROVED');
  const rest = await connect().download(id, { from: 4, sha256 });
  expect([rest.status, await rest.text()]).toEqual([206, '456789']);
  const other = await connect().download(id, { from: 4, sha256: 'f'.repeat(64) });
  expect([other.status, await other.text()]).toEqual([200, '0123456789']);
  const url = await connect().downloadUrl(id, { expiresIn: 60, disposition: 'INLINE' });
  expect(await (await fetch(url)).text()).toBe('0123456789');
});

test('a deletion whose answer is lost has succeeded', async () => {
  const { id } = await upload('deleted.txt');
  await using front = await startFront(service.url, (_path, index) => (index === 0 ? 'lose answer' : 'pass'));
  await connect(front.url).delete(id);
  expect(front.requests).toHaveLength(2);
  expect(await connect().get(id)).toBeNull();
});

describe('watch', () => {
  test('tells changes, also after its connection was cut, and ends with the signal', async () => {
    await using front = await startFront(service.url, () => 'pass');
    const { id } = await upload('watched.txt');
    await until(async () => (await connect().get(id))?.status === 'APPROVED');
    const stop = new AbortController();
    const reason = new Error('enough');
    const seen: (string | undefined)[] = [];
    const steps = [
      () => connect().claim(id, recordOf('watched')),
      () => connect().link([id], { record: recordOf('watched'), field: 'files' }),
    ];
    const onConnect = () => void steps.shift()?.();
    const watching = (async () => {
      for await (const change of connect(front.url).watch(
        { attachmentId: id },
        { signal: stop.signal, onConnect },
      )) {
        seen.push(change.record?.id);
        if (steps.length > 0) front.cut();
        else stop.abort(reason);
      }
    })();
    await expect(watching).rejects.toBe(reason);
    expect(seen).toEqual(['watched', 'watched']);
    expect(front.requests).toEqual(Array(2).fill('POST /graphql/stream'));
  });

  test('tells texts with every kind of line break', async () => {
    const raw = 'a\nb\rc\r\nd\u0085e\u2028f\u2029g';
    const content = new Blob(['broken']);
    const { id } = await connect().upload(content, { description: raw, descriptionFormat: 'PLAIN' });
    const onConnect = () => void connect().claim(id, recordOf('lines'));
    for await (const change of connect().watch({ attachmentId: id }, { onConnect })) {
      expect(change.description?.raw).toBe(raw);
      if (change.record) break;
    }
  });

  test('ends with its attachment', async () => {
    const { id } = await upload('gone.txt');
    const onConnect = () => void connect().delete(id);
    for await (const change of connect().watch({ attachmentId: id }, { onConnect }))
      expect(change.id).toBe(id);
    expect(await connect().get(id)).toBeNull();
  });

  test('does not wait for a service that asks for an hour', async () => {
    await using front = await startFront(service.url, () => answer(503, { 'retry-after': '3600' }));
    const watching = connect(front.url).watch({ record: recordOf('away') });
    await expect(watching.next()).rejects.toMatchObject({ status: 503, retryAfterSeconds: 3600 });
    expect(front.requests).toHaveLength(1);
  });

  test('waits longer each time if its connection ends soon', async () => {
    const type = { 'content-type': 'text/event-stream' };
    await using front = await startFront(service.url, () => answer(200, type, ':\n\n'));
    const times: number[] = [];
    const stop = new AbortController();
    const onConnect = () => {
      if (times.push(performance.now()) === 5) stop.abort(new Error('enough'));
    };
    const options = { signal: stop.signal, onConnect };
    const watching = connect(front.url).watch({ record: recordOf('brief') }, options);
    await expect(watching.next()).rejects.toThrow('enough');
    const [first = 0, second = 0, , fourth = 0, fifth = 0] = times;
    expect(second - first).toBeLessThan(1_000);
    expect(fifth - fourth).toBeGreaterThan(990);
  });

  test('leaves a connection that has gone silent', async () => {
    const type = { 'content-type': 'text/event-stream' };
    await using front = await startFront(service.url, (_, index) =>
      index > 0 ? 'pass' : (response) => response.writeHead(200, type).write(':\n\n'),
    );
    const { id } = await upload('silence.txt');
    await until(async () => (await connect().get(id))?.status === 'APPROVED');
    const onConnect = () => {
      if (front.requests.length > 1) void connect().claim(id, recordOf('silence'));
    };
    // 40 seconds pass in a tenth of one.
    const wait = setTimeout;
    const spy = jest
      .spyOn(globalThis, 'setTimeout')
      .mockImplementation((run, ms, ...given: []) => wait(run, ms === 40_000 ? 100 : ms, ...given));
    const watching = connect(front.url).watch({ attachmentId: id }, { onConnect });
    const { value } = await watching.next().finally(() => spy.mockRestore());
    expect(value).toMatchObject({ id, record: recordOf('silence') });
    await watching.return();
    expect(front.requests).toEqual(Array(2).fill('POST /graphql/stream'));
  });

  test('is not asked again of what is no service', async () => {
    const page = answer(200, { 'content-type': 'text/html' }, '<html>');
    await using front = await startFront(service.url, () => page);
    let connections = 0;
    const onConnect = () => void ++connections;
    const watching = connect(front.url).watch({ record: recordOf('page') }, { onConnect });
    await expect(watching.next()).rejects.toMatchObject({ code: 'UNEXPECTED_ANSWER', status: 200 });
    expect([front.requests.length, connections]).toEqual([1, 0]);
  });

  test('is refused for a wrong credential, and for no such attachment', async () => {
    const unknown = createClaimcheck({ url: service.url, credential: 'cck_unknown' });
    await expect(unknown.watch({ record: recordOf('1') }).next()).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    const nowhere = connect().watch({ attachmentId: '01a21b36-b212-7641-bcca-942f9952576e' });
    await expect(nowhere.next()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(setImmediate);
}
