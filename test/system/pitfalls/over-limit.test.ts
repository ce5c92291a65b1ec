import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  chunked,
  type FormPart,
  formBody,
  formHeaders,
  graphqlForm,
  RawConnection,
  requestHead,
  testBoundary,
} from '../../support/raw-http.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import {
  attachmentsOf,
  createField,
  mapOf,
  mapOne,
  mebibyte,
  operationsOf,
  type Refusal,
  refusalOf,
  UploadSession,
  uploadOne,
} from './upload-session.js';

const maxFileSize = 4 * mebibyte;
const smallLimit = 3.25 * mebibyte;
const tooLarge: Refusal = {
  status: 413,
  code: 'FILE_TOO_LARGE',
  faults: ['input.content: file_too_large'],
  limit: maxFileSize,
};

let session: UploadSession;
let folder: string;

beforeAll(async () => {
  folder = await makeTemporaryDirectory();
  const policiesFile = join(folder, 'policies.json');
  await writeFile(policiesFile, JSON.stringify({ policies: { small: { maxFileSize: smallLimit } } }));
  session = await UploadSession.start({
    MAX_FILE_SIZE: String(maxFileSize),
    MAX_FILES: '4',
    POLICIES_FILE: policiesFile,
  });
});
beforeEach(() => session.reconnect());
afterAll(async () => {
  await session.end('files over the limit');
  await rm(folder, { recursive: true });
});

const contentOf = (size: number) => Buffer.alloc(size, 'limit ');
const exceeding = (excess: number): FormPart => ({ content: contentOf(maxFileSize + excess) });

/** The same request with its length declared and in chunks. */
function encodings(parts: readonly FormPart[]): Buffer[] {
  const body = formBody(parts);
  const { 'Content-Length': _, ...type } = formHeaders(body.length);
  const head = requestHead('/graphql', { ...session.headers, ...type, 'Transfer-Encoding': 'chunked' });
  return [session.form(parts), Buffer.concat([Buffer.from(head), chunked(body, 50_000)])];
}

test.each([-1, 0])('a file of the limit and %i bytes is stored whole', async (excess) => {
  for (const request of encodings(graphqlForm(uploadOne, mapOne, [exceeding(excess)]))) {
    const [attachment] = attachmentsOf(await session.post(request));
    expect(attachment?.size).toBe(maxFileSize + excess);
    await session.expectContent(attachment?.url ?? '', contentOf(maxFileSize + excess));
  }
});

test('a file of one byte more is refused', async () => {
  for (const request of encodings(graphqlForm(uploadOne, mapOne, [exceeding(1)])))
    await session.expectRefusal(tooLarge, request);
});

describe('it is refused, whoever is to use it', () => {
  const both = mapOf(['a', 'b']);
  const bothUsed = operationsOf(['a', 'b'], createField('x', 'a'), createField('y', 'b'));
  const usedTwice = operationsOf(['a'], createField('x', 'a'), createField('y', 'a'));
  const skipped = operationsOf(['a'], createField('x', 'a', '@skip(if: true)'));
  const undeclared = { ...operationsOf(['a'], createField('x', 'a')), variables: bothUsed.variables };

  test.each<[string, object, object, number[]]>([
    ['the first of two', bothUsed, both, [1, 0]],
    ['the second of two', bothUsed, both, [0, 1]],
    ['both', bothUsed, both, [1, 1]],
    ['two variables', bothUsed, { 0: ['variables.a', 'variables.b'] }, [1]],
    ['two fields', usedTwice, mapOf(['a']), [1]],
    ['nobody, as the field is skipped', skipped, mapOf(['a']), [1]],
    ['nobody, as the variable is not declared', undeclared, both, [0, 1]],
  ])('%s', async (_who, operations, map, excesses) => {
    await session.expectRefusal(
      tooLarge,
      session.form(graphqlForm(operations, map, excesses.map(exceeding))),
    );
  });

  test('a policy with a limit of its own', async () => {
    const withPolicy = (size: number) => {
      const query = uploadOne.query.replace('{ content:', '{ policy: "small", content:');
      return session.form(graphqlForm({ ...uploadOne, query }, mapOne, [{ content: contentOf(size) }]));
    };
    expect(attachmentsOf(await session.post(withPolicy(smallLimit)))).toHaveLength(1);
    const faults = ['input.content: file_too_large'];
    const refusal: Refusal = { status: 200, code: 'FILE_TOO_LARGE', faults, limit: smallLimit };
    await session.expectRefusal(refusal, withPolicy(smallLimit + 1));
  });
});

describe('the answer does not wait for the rest of the file', () => {
  const closing = `\r\n--${testBoundary}--\r\n`;
  const opening = formBody(graphqlForm(uploadOne, mapOne, [{ content: '' }])).subarray(0, -closing.length);

  /** All up to the first byte over the limit, of a file of `size` bytes. */
  const upTo = (size: number) => async (connection: RawConnection) => {
    const headers = formHeaders(opening.length + size + closing.length);
    await connection.send(requestHead('/graphql', { ...session.headers, ...headers }));
    await connection.send(opening);
    await connection.sendMuch(maxFileSize + 1);
  };

  test('and the client stops sending a file of 16 MiB until it has the answer', async () => {
    const size = 16 * mebibyte;
    await session.expectRefusal(tooLarge, {
      opening: upTo(size),
      rest: async (connection) => {
        await connection.sendMuch(size - maxFileSize - 1);
        await connection.send(closing);
      },
    });
  });

  test('if the rest trickles', async () => {
    const size = maxFileSize + 1 + 20_000;
    let trickling: Promise<void> = Promise.resolve();
    await session.expectRefusal(tooLarge, {
      opening: async (connection) => {
        await upTo(size)(connection);
        trickling = connection.sendSlowly(Buffer.alloc(20_000, 'x'), { bytes: 200, everyMs: 5 });
      },
      rest: async (connection) => {
        await trickling;
        await connection.send(closing);
      },
    });
  });
});

test('ten at a time are each refused, and their connections carry on', async () => {
  const connections = await Promise.all(
    Array.from({ length: 10 }, () => RawConnection.open(session.service.url)),
  );
  const before = await session.stored();
  const request = session.form(graphqlForm(uploadOne, mapOne, [exceeding(1)]));
  for (const round of [1, 2]) {
    const refusals = await Promise.all(
      connections.map(async (connection) => {
        void connection.send(request);
        return refusalOf(await connection.response());
      }),
    );
    expect(refusals).toEqual(connections.map(() => tooLarge));
    expect([round, await session.stored()]).toEqual([round, before]);
  }
  for (const connection of connections) connection.destroy();
});
