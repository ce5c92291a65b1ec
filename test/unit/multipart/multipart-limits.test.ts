import {
  chunked,
  type FormPart,
  formBody,
  formHeaders,
  graphqlForm,
  requestHead,
  testBoundary,
} from '../../support/raw-http.js';
import { answerOf, FormSession, megabyte, oneFile, oneFileMap, query } from './form-session.js';

let session: FormSession;

afterEach(() => session.stop());

describe('limits', () => {
  const files: FormPart[] = Array.from({ length: 6 }, () => ({ content: Buffer.alloc(100) }));
  const variables = { files: Array.from({ length: 6 }, () => null) };
  const fullMap = Object.fromEntries(files.map((_, index) => [index, [`variables.files.${index}`]]));

  test('a map that announces too many files: nothing is read', async () => {
    session = await FormSession.start();
    const response = await session.post(graphqlForm({ query, variables }, fullMap, files));
    expect(response.status).toBe(413);
    expect(answerOf(response)).toMatchObject({ code: 'TOO_MANY_FILES', limit: 5 });
    expect(session.server.taken).toBe(0);
    await session.expectToCarryOn();
  });

  test('as many files as are allowed', async () => {
    session = await FormSession.start();
    const { 5: _, ...map } = fullMap;
    expect(
      answerOf(await session.post(graphqlForm({ query, variables }, map, files.slice(0, 5)))).taken,
    ).toHaveLength(5);
  });

  test('more file parts than are allowed, whatever the map says', async () => {
    session = await FormSession.start();
    expect(answerOf(await session.post(graphqlForm(oneFile, oneFileMap, files)))).toMatchObject({
      code: 'TOO_MANY_FILES',
    });
    await session.expectToCarryOn();
  });

  test.each(['declared', 'counted'])('a request too large by its %s length', async (how) => {
    session = await FormSession.start({ limits: { maxRequestSize: megabyte } });
    const body = formBody(graphqlForm(oneFile, oneFileMap, [{ content: Buffer.alloc(2 * megabyte) }]));
    const { 'Content-Length': length, ...type } = formHeaders(body.length);
    const request =
      how === 'declared'
        ? [requestHead('/', { ...type, 'Content-Length': length ?? 0 }), body]
        : [requestHead('/', { ...type, 'Transfer-Encoding': 'chunked' }), chunked(body, 100_000)];
    for (const piece of request) void session.connection.send(piece);
    const response = await session.connection.response();
    expect(response.status).toBe(413);
    expect(answerOf(response)).toMatchObject({ code: 'REQUEST_TOO_LARGE', limit: megabyte });
    expect(session.server.leftBehind).toBe(0);
    await session.expectToCarryOn();
  });

  test.each([
    ['operations', 10_000],
    ['map', 2000],
  ])('%s of %i bytes pass, and one byte more does not', async (field, limit) => {
    session = await FormSession.start({ limits: { maxOperationsSize: 10_000, maxMapSize: 2000 } });
    for (const excess of [0, 1]) {
      const parts = graphqlForm(oneFile, oneFileMap, [{ content: 'x' }]).map((part) =>
        part.name === field ? { ...part, content: String(part.content).padEnd(limit + excess) } : part,
      );
      const answer = answerOf(await session.post(parts));
      if (excess === 0) expect(answer.taken).toHaveLength(1);
      else expect(answer).toMatchObject({ code: 'REQUEST_TOO_LARGE', limit });
    }
    await session.expectToCarryOn();
  });

  test.each([
    ['operations', 'operations', 1024 * 1024],
    ['map', 'map', 64 * 1024],
  ])(
    'an endless field in place of %s is answered while it is still being sent',
    async (_what, name, limit) => {
      session = await FormSession.start();
      const before = name === 'map' ? [{ name: 'operations', content: JSON.stringify(oneFile) }] : [];
      const opening = formBody([...before, { name, content: '' }]).subarray(0, -testBoundary.length - 8);
      await session.connection.send(requestHead('/', formHeaders(300 * megabyte)));
      await session.connection.send(opening);
      await session.connection.sendMuch(3 * megabyte);
      expect(answerOf(await session.connection.response(1000))).toMatchObject({
        code: 'REQUEST_TOO_LARGE',
        limit,
      });
    },
  );

  test('more paths than are allowed', async () => {
    session = await FormSession.start({ limits: { maxMapPaths: 2 } });
    const map = { 0: ['variables.files.0', 'variables.files.1', 'variables.files.2'] };
    const answer = answerOf(await session.post(graphqlForm({ query, variables }, map, files.slice(0, 1))));
    expect(answer).toMatchObject({ code: 'INVALID_MULTIPART', limit: 2 });
  });
});
