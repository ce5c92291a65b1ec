import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import {
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
  mapOne,
  mebibyte,
  type Refusal,
  refusalOf,
  UploadSession,
  uploadOne,
} from './upload-session.js';

const small = 3.5 * mebibyte;
const huge = 300 * mebibyte;
const closing = `\r\n--${testBoundary}--\r\n`;

let session: UploadSession;
let reader: Client;

beforeAll(async () => {
  session = await UploadSession.start({ MAX_FILE_SIZE: String(huge) });
  reader = await newClient(session.service, { permissions: ['attachments:read'] });
});
beforeEach(() => session.reconnect());
afterAll(() => session.end('unread bodies'));

interface Refused {
  operations?: object;
  headers?: Record<string, string>;
  /** Method and target. */
  route?: string;
}

/** A request with one file of `size` bytes, up to the file's content. */
function openForm({ operations = uploadOne, headers, route }: Refused, size: number): Buffer {
  const file: FormPart = { content: '' };
  const opening = formBody(graphqlForm(operations, mapOne, [file])).subarray(0, -closing.length);
  const length = opening.length + size + closing.length;
  const head = requestHead('/graphql', { ...(headers ?? session.headers), ...formHeaders(length) });
  return Buffer.concat([Buffer.from(head.replace('POST /graphql', route ?? '$&')), opening]);
}

async function sendFile(connection: RawConnection, size: number): Promise<void> {
  await connection.sendMuch(size);
  await connection.send(closing);
}

/** The client looks for its answer when it has sent all. */
const expectLateRefusal = (refusal: Refusal, refused: Refused, size: number) =>
  session.expectRefusal(refusal, {
    opening: async (connection) => {
      await connection.send(openForm(refused, size));
      await sendFile(connection, size);
    },
  });

/** The client looks for its answer when it has sent `first` bytes of the file, and then sends the rest. */
const expectEarlyRefusal = (refusal: Refusal, refused: Refused, size: number, first: number) =>
  session.expectRefusal(refusal, {
    opening: async (connection) => {
      await connection.send(openForm(refused, size));
      await connection.sendMuch(first);
    },
    rest: (connection) => sendFile(connection, size - first),
  });

const preflight = { 'Apollo-Require-Preflight': 'true' };
const badRequest = (fault: string): Refusal => ({ status: 400, code: 'BAD_USER_INPUT', faults: [fault] });
const unauthenticated: Refusal = { status: 401, code: 'UNAUTHENTICATED' };
const forbidden: Refusal = { status: 403, code: 'FORBIDDEN', faults: [': missing_permission'] };
const notFound: Refusal = { status: 404, code: 'NOT_FOUND' };
const withQuery = (query: string, operationName?: string): Refused => ({
  operations: { query, operationName, variables: { file: null } },
});
const withKey = (key: string): Refused => ({ headers: { ...preflight, Authorization: `Bearer ${key}` } });

const refusedUnread: [what: string, refusal: Refusal, refused: () => Refused][] = [
  ['no credential', unauthenticated, () => ({ headers: preflight })],
  ['a bad credential', unauthenticated, () => withKey(`cck_${'x'.repeat(32)}`)],
  ['a credential that lacks the permission', forbidden, () => withKey(reader.key ?? '')],
  [
    'an operation that is not valid',
    badRequest('query.1.3: graphql_validation_failed'),
    () => withQuery('{ nothing }'),
  ],
  [
    'an operation name that is not known',
    badRequest('query: operation_resolution_failure'),
    () => withQuery('query A { viewer { organizationId } }', 'B'),
  ],
  ['a syntax error', badRequest('query.1.1: graphql_parse_failed'), () => withQuery('}')],
  ['no query', badRequest('query: bad_request'), () => ({ operations: { variables: { file: null } } })],
  ['no such route', notFound, () => ({ route: 'POST /nowhere' })],
  ['no such upload target', notFound, () => ({ route: 'PUT /uploads/none' })],
];

describe.each(refusedUnread)('%s', (_what, refusal, refused) => {
  test('with 3.5 MB, looked for when all is sent', () => expectLateRefusal(refusal, refused(), small));
  test('with 3.5 MB, before any is sent', () => expectEarlyRefusal(refusal, refused(), small, 0));
  test('with 300 MB, while the client sends', () =>
    expectEarlyRefusal(refusal, refused(), huge, 4 * mebibyte));
});

describe('an input that the resolver refuses', () => {
  const badName = uploadOne.query.replace('{ content:', '{ fileName: "a/b", content:');
  const refusal: Refusal = { status: 200, code: 'INVALID_FILE_NAME', faults: ['input.fileName: path'] };
  test.each([small, huge])('with a file of %i bytes', (size) =>
    expectLateRefusal(refusal, withQuery(badName), size),
  );
});

describe('the connection', () => {
  const unread = () => openForm({ headers: preflight }, huge);

  test('serves a client that reads nothing until it has sent all', async () => {
    session.connection.stopReading();
    await session.connection.send(unread());
    await sendFile(session.connection, huge);
    session.connection.startReading();
    expect(refusalOf(await session.connection.response())).toMatchObject(unauthenticated);
    expect(await session.count()).toBe(0);
  });

  test('answers requests that are sent without waiting, each in its turn', async () => {
    const refused = Buffer.concat([
      openForm(withQuery('}'), small),
      Buffer.alloc(small),
      Buffer.from(closing),
    ]);
    const accepted = session.form(graphqlForm(uploadOne, mapOne, [{ content: bigContent }]));
    void session.connection.send(Buffer.concat([refused, accepted, refused, accepted]));
    const statuses: number[] = [];
    for (let index = 0; index < 4; index += 1) {
      const response = await session.connection.response();
      statuses.push(response.status);
      if (response.status === 200) expect(attachmentsOf(response)[0]?.size).toBe(bigContent.length);
    }
    expect(statuses).toEqual([400, 200, 400, 200]);
  });

  test('is ended by an answer that says so, once the client has sent all', async () => {
    const headers = { ...preflight, Connection: 'close' };
    await session.expectRefusal(unauthenticated, {
      opening: (connection) => connection.send(openForm({ headers }, huge)),
      rest: (connection) => sendFile(connection, huge),
      endedBy: 'service',
    });
  });

  test('is ended where more than 512 MiB are left unread, and a new one answers', async () => {
    const endless = 2048 * mebibyte;
    let sent = 0;
    await session.expectRefusal(unauthenticated, {
      opening: (connection) => connection.send(openForm({ headers: preflight }, endless)),
      rest: async (connection) => {
        for (; sent < endless && connection.isOpen; sent += mebibyte) await connection.sendMuch(mebibyte);
      },
      endedBy: 'service',
    });
    expect(sent).toBeGreaterThan(511 * mebibyte);
    expect(sent).toBeLessThan(600 * mebibyte);
  });
});
