import type { Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { chunked, formBody, formHeaders, graphqlForm, requestHead } from '../../support/raw-http.js';
import { sha256 } from '../../support/sha256.js';
import { answerOf, FormSession, megabyte, oneFile, oneFileMap, query } from './form-session.js';
import { hashFile } from './hashing-server.js';

let session: FormSession;

afterEach(() => session.stop());

describe('a well-formed request', () => {
  beforeEach(async () => {
    session = await FormSession.start();
  });

  test('has its files put where the map says, as they were sent', async () => {
    const contents = ['', 'a', Buffer.alloc(5 * megabyte, 'b'), Buffer.alloc(16 * megabyte, 'c')];
    const operations = { query, variables: { file: null, files: [null, null, null] } };
    const map = {
      0: ['variables.files.2'],
      1: ['variables.file'],
      2: ['variables.files.0'],
      3: ['variables.files.1'],
    };
    const answer = answerOf(
      await session.post(
        graphqlForm(
          operations,
          map,
          contents.map((content) => ({ content })),
        ),
      ),
    );
    const hashes = contents.map((content) => sha256(content));
    expect(answer.taken?.map((file) => file.sha256)).toEqual(hashes);
    expect(answer.taken?.map((file) => file.size)).toEqual([0, 1, 5 * megabyte, 16 * megabyte]);
    expect(answer.variables?.file?.sha256).toBe(hashes[1]);
    expect(answer.variables?.files?.map((file) => file?.sha256)).toEqual([hashes[2], hashes[3], hashes[0]]);
    await session.expectToCarryOn();
  });

  test('may use one part twice', async () => {
    const operations = { query, variables: { file: null, files: [null] } };
    const form = graphqlForm(operations, { 0: ['variables.file', 'variables.files.0'] }, [
      { content: 'twice' },
    ]);
    const { variables } = answerOf(await session.post(form));
    expect(variables?.file?.sha256).toBe(sha256('twice'));
    expect(variables?.files?.[0]).toEqual(variables?.file);
  });

  test('may carry no files', async () => {
    expect(answerOf(await session.post(graphqlForm({ query }, {}, [])))).toEqual({ query, taken: [] });
  });

  test('may come in chunks, in any letter case, with a boundary of 1 or 70 characters', async () => {
    const parts = graphqlForm(oneFile, oneFileMap, [{ content: 'content' }]);
    for (const boundary of ['x', 'y'.repeat(70)]) {
      const type = {
        'CONTENT-TYPE': `Multipart/FORM-data; BOUNDARY=${boundary}`,
        'Transfer-Encoding': 'chunked',
      };
      const body = chunked(formBody(parts, boundary), 7);
      const response = await session.postBytes(
        Buffer.concat([Buffer.from(requestHead('/graphql', type)), body]),
      );
      expect(answerOf(response).variables?.file?.sha256).toBe(sha256('content'));
    }
  });

  test('may await a 100 Continue, and have a preamble and an epilogue', async () => {
    const form = formBody(graphqlForm(oneFile, oneFileMap, [{ content: 'content' }]));
    const body = Buffer.concat([Buffer.from('preamble\r\n'), form, Buffer.from('epilogue')]);
    await session.connection.send(
      requestHead('/graphql', { ...formHeaders(body.length), Expect: '100-continue' }),
    );
    await sleep(20);
    await session.connection.send(body);
    expect(answerOf(await session.connection.response()).taken).toHaveLength(1);
  });

  test('has its file names seen as sent', async () => {
    const names = ['../../etc/passwd', 'C:\\dir\\a.txt', 'naïve \u202e✓.pdf', `${'n'.repeat(300)}.pdf`];
    for (const fileName of names) {
      const form = graphqlForm(oneFile, oneFileMap, [
        { fileName: fileName.replaceAll('\\', '\\\\'), content: '' },
      ]);
      expect(answerOf(await session.post(form)).taken?.[0]?.fileName).toBe(fileName);
    }
  });

  test('has extended file names decoded, and missing ones null', async () => {
    const named = "Content-Disposition: form-data; name=0; filename*=utf-8''na%C3%AFve.txt";
    const nameless = 'Content-Disposition: form-data; name=0\r\nContent-Type: application/octet-stream';
    for (const [headers, fileName] of [
      [named, 'naïve.txt'],
      [nameless, null],
    ] as const) {
      const form = graphqlForm(oneFile, oneFileMap, [{ headers, content: 'x' }]);
      expect(answerOf(await session.post(form)).taken?.[0]?.fileName).toBe(fileName);
    }
  });

  test('may be made by fetch', async () => {
    const form = new FormData();
    form.set('operations', JSON.stringify(oneFile));
    form.set('map', JSON.stringify(oneFileMap));
    form.set('0', new Blob(['content'], { type: 'text/csv' }), 'ü.csv');
    const response = await fetch(session.server.url, { method: 'POST', body: form });
    expect(await response.json()).toMatchObject({
      variables: { file: { fileName: 'ü.csv', declaredType: 'text/csv', sha256: sha256('content') } },
    });
  });
});

describe('files that are read late', () => {
  test('come whole, also if they end just where their reader has enough for now', async () => {
    const enough = 256 * 1024;
    session = await FormSession.start({
      receive: async (file) => {
        while (file.stream.readableLength < enough) await nextTurn();
        return hashFile(file);
      },
    });
    for (const more of [0, 1, 100, 1_000, 60_000, 70_000]) {
      const contents = [0, 1].map((index) => Buffer.alloc(enough + more, `file ${index}`));
      const form = graphqlForm(
        { query, variables: { files: [null, null] } },
        { 0: ['variables.files.0'], 1: ['variables.files.1'] },
        contents.map((content) => ({ content })),
      );
      const { taken = [] } = answerOf(await session.post(form));
      expect(taken.map((file) => file.sha256)).toEqual(contents.map((content) => sha256(content)));
    }
  });

  test('are not all read into memory, though each of them has room there', async () => {
    let answer = () => {};
    const storageAnswers = new Promise<void>((resolve) => {
      answer = resolve;
    });
    session = await FormSession.start({
      limits: { maxFiles: 40 },
      receive: (file) => storageAnswers.then(() => hashFile(file)),
    });
    const contents = Array.from({ length: 40 }, (_, index) => Buffer.alloc(200 * 1024, `file ${index}`));
    const form = graphqlForm(
      { query, variables: { files: contents.map(() => null) } },
      Object.fromEntries(contents.map((_, index) => [index, [`variables.files.${index}`]])),
      contents.map((content) => ({ content })),
    );
    let socket: Socket | undefined;
    session.server.server.on('request', (request) => {
      socket = request.socket;
    });
    const response = session.post(form);
    await sleep(300);
    const read = socket?.bytesRead;
    answer();
    const { taken = [] } = answerOf(await response);
    expect(taken.map((file) => file.sha256)).toEqual(contents.map((content) => sha256(content)));
    expect(read).toBeGreaterThan(200 * 1024);
    expect(read).toBeLessThan(megabyte);
  });
});

describe('screening', () => {
  test('a document that cannot be executed comes back at once, uploads null, with no file read', async () => {
    let received = 0;
    session = await FormSession.start({
      screen: async () => sleep(20, false),
      receive: async (file) => {
        received += 1;
        return hashFile(file);
      },
    });
    const body = formBody(graphqlForm(oneFile, oneFileMap, [{ content: Buffer.alloc(20 * megabyte) }]));
    await session.connection.send(requestHead('/', formHeaders(body.length)));
    await session.connection.send(body.subarray(0, 4 * megabyte));
    expect(answerOf(await session.connection.response(1000))).toEqual({ ...oneFile, taken: [] });
    await session.connection.send(body.subarray(4 * megabyte));
    expect(answerOf(await session.post(graphqlForm(oneFile, oneFileMap, [{ content: 'x' }])))).toEqual({
      ...oneFile,
      taken: [],
    });
    expect(received).toBe(0);
  });

  test('sees the body, and may throw', async () => {
    const seen: unknown[] = [];
    session = await FormSession.start({
      screen: (body) => {
        seen.push(structuredClone(body));
        throw new Error('Broken');
      },
    });
    const response = await session.post(graphqlForm(oneFile, oneFileMap, [{ content: 'x' }]));
    expect(response.status).toBe(500);
    expect(seen).toEqual([oneFile]);
  });
});
