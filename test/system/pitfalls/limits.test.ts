import {
  chunked,
  type FormPart,
  formBody,
  formHeaders,
  graphqlForm,
  type RawConnection,
  requestHead,
  testBoundary,
} from '../../support/raw-http.js';
import {
  attachmentsOf,
  bigContent,
  createField,
  mapOf,
  mapOne,
  mebibyte,
  operationsOf,
  type Refusal,
  UploadSession,
  uploadOne,
} from './upload-session.js';

const maxFiles = 3;
const maxFileSize = 4 * mebibyte;
const maxRequestSize = maxFiles * maxFileSize + 4 * mebibyte;

let session: UploadSession;

beforeAll(async () => {
  session = await UploadSession.start({ MAX_FILES: String(maxFiles), MAX_FILE_SIZE: String(maxFileSize) });
});
beforeEach(() => session.reconnect());
afterAll(() => session.end('limits'));

const big: FormPart = { content: bigContent };
const tooLarge = (fault: string, limit: number): Refusal => ({
  status: 413,
  code: 'REQUEST_TOO_LARGE',
  faults: [fault],
  limit,
});

async function expectAccepted(request: Buffer, count = 1): Promise<void> {
  expect(attachmentsOf(await session.post(request))).toHaveLength(count);
  expect(await session.count()).toBeGreaterThan(0);
}

describe('the bytes of a request', () => {
  test('are refused by the length they are declared to have', async () => {
    const head = requestHead('/graphql', { ...session.headers, ...formHeaders(maxRequestSize + 1) });
    await session.expectRefusal(tooLarge(': too_large', maxRequestSize), {
      opening: (connection) => connection.send(head),
      rest: (connection) => connection.sendMuch(maxRequestSize + 1),
    });
  });

  test('are refused when they are counted, and the files in them removed', async () => {
    const names = ['a', 'b', 'c'];
    const operations = operationsOf(names, ...names.map((name) => createField(name, name)));
    const form = formBody(graphqlForm(operations, mapOf(names), [big, big, big]));
    const padded = Buffer.concat([form, Buffer.alloc(maxRequestSize + 1 - form.length)]);
    const { 'Content-Length': _, ...type } = formHeaders(0);
    const head = requestHead('/graphql', { ...session.headers, ...type, 'Transfer-Encoding': 'chunked' });
    await expectAccepted(Buffer.concat([Buffer.from(head), chunked(padded.subarray(0, -1), mebibyte)]), 3);
    await session.expectRefusal(
      tooLarge(': too_large', maxRequestSize),
      Buffer.concat([Buffer.from(head), chunked(padded, mebibyte)]),
    );
  });
});

describe('the files of a request', () => {
  const names = ['a', 'b', 'c', 'd'];
  const refusal: Refusal = {
    status: 413,
    code: 'TOO_MANY_FILES',
    faults: ['map: too_many_files'],
    limit: maxFiles,
  };
  const formOf = (mapped: number, sent: number): Buffer => {
    const some = names.slice(0, mapped);
    const operations = operationsOf(some, ...some.map((name) => createField(name, name)));
    return session.form(graphqlForm(operations, mapOf(some), Array(sent).fill(big)));
  };

  test('may be as many as that', () => expectAccepted(formOf(maxFiles, maxFiles), maxFiles));
  test('are refused when the map announces one more', () =>
    session.expectRefusal(refusal, formOf(maxFiles + 1, maxFiles + 1)));
  test('are refused when one more comes', () =>
    session.expectRefusal(refusal, formOf(maxFiles, maxFiles + 1)));
});

describe('the fields of a form', () => {
  const form = graphqlForm(uploadOne, mapOne, [big]);
  const padded = (name: string, size: number) =>
    session.form(
      form.map((part) =>
        part.name === name ? { ...part, content: String(part.content).padEnd(size) } : part,
      ),
    );

  test.each([
    ['operations', mebibyte],
    ['map', 64 * 1024],
  ])('%s may have %i bytes and no more', async (name, limit) => {
    await expectAccepted(padded(name, limit));
    await session.expectRefusal(tooLarge(`${name}: too_large`, limit), padded(name, limit + 1));
  });

  test.each([
    ['operations', 0, mebibyte],
    ['map', 1, 64 * 1024],
  ])('an endless %s is refused while it is sent', async (name, before, limit) => {
    const parts = [...form.slice(0, before), { name, content: '' }];
    const opening = formBody(parts).subarray(0, -testBoundary.length - 8);
    const size = 15 * mebibyte;
    await session.expectRefusal(tooLarge(`${name}: too_large`, limit), {
      opening: async (connection) => {
        const headers = formHeaders(opening.length + size);
        await connection.send(requestHead('/graphql', { ...session.headers, ...headers }));
        await connection.send(opening);
        await connection.sendMuch(3 * mebibyte);
      },
      rest: (connection) => connection.sendMuch(size - 3 * mebibyte),
    });
  });

  test('the map may have 200 paths and no more', async () => {
    const mapped = (count: number) => {
      const operations = { ...uploadOne, variables: { file: null, files: Array(200).fill(null) } };
      const paths = Array.from({ length: count - 1 }, (_, index) => `variables.files.${index}`);
      return session.form(graphqlForm(operations, { 0: ['variables.file', ...paths] }, [big]));
    };
    await expectAccepted(mapped(200));
    const fault: Refusal = {
      status: 400,
      code: 'INVALID_MULTIPART',
      faults: ['map: too_many_paths'],
      limit: 200,
    };
    await session.expectRefusal(fault, mapped(201));
  });

  test('the name of a part may have 100 characters and no more', async () => {
    const named = (name: string) =>
      session.form(graphqlForm(uploadOne, { [name]: ['variables.file'] }, [{ ...big, name }]));
    await expectAccepted(named('n'.repeat(100)));
    const faults = [`map.${'n'.repeat(100)}…: name_invalid`];
    const refusal: Refusal = { status: 400, code: 'INVALID_MULTIPART', faults };
    await session.expectRefusal(refusal, named('n'.repeat(101)));
  });
});

describe('headers', () => {
  test('may have 16 KiB in a part and no more', async () => {
    const [operations, map, file] = graphqlForm(uploadOne, mapOne, [big]) as [FormPart, FormPart, FormPart];
    const withHeaders = (size: number) => {
      const usual = 'Content-Disposition: form-data; name="0"; filename="a.txt"';
      const headers = `${usual}\r\nX: ${'x'.repeat(size - usual.length - 5)}`;
      return session.form([operations, map, { ...file, headers }]);
    };
    const limit = 16 * 1024;
    await expectAccepted(withHeaders(limit - 100));
    const refusal: Refusal = { status: 400, code: 'INVALID_MULTIPART', faults: [': part_headers'], limit };
    await session.expectRefusal(refusal, withHeaders(limit + 100));
  });

  const refusal = (limit: number): Refusal => ({
    status: 431,
    code: 'REQUEST_TOO_LARGE',
    faults: ['headers: headers_too_large'],
    limit,
  });
  const form = graphqlForm(uploadOne, mapOne, [big]);

  test('may have 16 KiB in a request and no more', async () => {
    await expectAccepted(session.form(form, { X: 'x'.repeat(15_000) }));
    await session.expectRefusal(refusal(16 * 1024), {
      opening: session.form(form, { X: 'x'.repeat(17_000) }),
      endedBy: 'service',
    });
  });

  test('without an end are refused to a client that reads nothing until it has sent them', async () => {
    await session.expectRefusal(refusal(16 * 1024), {
      opening: async (connection: RawConnection) => {
        connection.stopReading();
        await connection.send(requestHead('/graphql', { ...session.headers, X: 'x'.repeat(3 * mebibyte) }));
        connection.startReading();
      },
      endedBy: 'service',
    });
  });

  test('may be 1,000 in a request and no more', async () => {
    const usual = Object.keys({ Host: '', ...formHeaders(0), ...session.headers }).length;
    const others = (count: number) =>
      Object.fromEntries(Array.from({ length: count - usual }, (_, index) => [`x${index}`, '']));
    await expectAccepted(session.form(form, others(1_000)));
    for (const count of [1_001, 1_002, 2_500])
      await session.expectRefusal(refusal(1_000), session.form(form, others(count)));
  });
});

test('a file name may have 255 characters and no more', async () => {
  const named = (length: number) =>
    session.form(graphqlForm(uploadOne, mapOne, [{ ...big, fileName: `${'é'.repeat(length - 5)}x.txt` }]));
  await expectAccepted(named(255));
  const faults = ['input.fileName: too_long'];
  for (const length of [256, 7_501])
    await session.expectRefusal(
      { status: 200, code: 'INVALID_FILE_NAME', faults, limit: 255 },
      named(length),
    );
});

test('a JSON body may have 1 MiB beside its content and no more', async () => {
  const body = Buffer.from(JSON.stringify({ query: '{ viewer { organizationId } }' }).padEnd(2 * mebibyte));
  const headers = { ...session.headers, 'Content-Type': 'application/json', 'Content-Length': body.length };
  const request = Buffer.concat([Buffer.from(requestHead('/graphql', headers)), body]);
  await session.expectRefusal(tooLarge('body: too_large', mebibyte), request);
});
