import { parse } from 'content-disposition';
import { type FormPart, graphqlForm, requestHead } from '../../support/raw-http.js';
import { bigContent, mapOne, type Refusal, UploadSession, uploadOne } from './upload-session.js';

let session: UploadSession;

beforeAll(async () => {
  session = await UploadSession.start();
});
beforeEach(() => session.reconnect());
afterAll(() => session.end('file names'));

/** The content of each file. It matters little if the name is taken; if the name is refused, nobody reads it. */
const content = Buffer.alloc(100_000, 'content ');

/** A part with these parameters of its Content-Disposition, as they are. */
const partWith = (parameters: string, content = bigContent): FormPart => ({
  headers: `Content-Disposition: form-data; name="0"${parameters}\r\nContent-Type: application/octet-stream`,
  content,
});

const quoted = (name: string) => `; filename="${name}"`;
const encoded = (name: string) => `; filename*=UTF-8''${encodeURIComponent(name)}`;

describe.each([
  ['filename', quoted],
  ['filename*', encoded],
])('a name given by %s', (_parameter, write) => {
  test.each([
    ['plain.txt', 'plain.txt'],
    ['../../etc/passwd', 'passwd'],
    ['/etc/passwd', 'passwd'],
    ['//server/share/x.txt', 'x.txt'],
    ['C:\\fakepath\\x.txt', 'x.txt'],
    ['..\\..\\x.txt', 'x.txt'],
    ['📎 naïve 文件.txt', '📎 naïve 文件.txt'],
    ['👩‍👩‍👧‍👦.txt', '👩‍👩‍👧‍👦.txt'],
    ['cafe\u0301.txt', 'caf\u00e9.txt'],
    ['caf\u00e9.txt', 'caf\u00e9.txt'],
    ['%2e%2e%2fx.txt', '%2e%2e%2fx.txt'],
    ['a%0d%0ab.txt', 'a%0d%0ab.txt'],
    ['a;b=c,d.txt', 'a;b=c,d.txt'],
    [`${'é'.repeat(251)}.txt`, `${'é'.repeat(251)}.txt`],
    ['\u200F\u200Fלכידה.PNG', 'לכידה.PNG'],
  ])('%j becomes %j', async (name, expected) => {
    const attachment = await session.upload(partWith(write(name), content));
    expect(attachment?.fileName).toBe(expected);
    await session.expectContent(attachment?.url ?? '', content);
    expect(await session.count()).toBeGreaterThan(0);
  });

  test.each([
    ['..', 'path'],
    ['.', 'path'],
    ['a/..', 'path'],
    ['a\\..', 'path'],
    ['a/', 'empty'],
    ['/', 'empty'],
    [' ', 'empty'],
    ['invoice\u202Efdp.exe', 'bidi_override'],
    ['invoice\u2066fdp.exe', 'bidi_override'],
    ['a\u2028b.txt', 'control_character'],
    ['a\u0085b.txt', 'control_character'],
    ['CON.txt', 'reserved_name'],
    [`${'é'.repeat(252)}.txt`, 'too_long'],
  ])('%j is refused: %s', async (name, type) => {
    await session.expectRefusal(nameRefusal(type), session.form(formWith(write(name))));
  });
});

function formWith(parameters: string): FormPart[] {
  return graphqlForm(uploadOne, mapOne, [partWith(parameters)]);
}

function nameRefusal(type: string): Refusal {
  const limit = type === 'too_long' ? { limit: 255 } : {};
  return { status: 200, code: 'INVALID_FILE_NAME', faults: [`input.fileName: ${type}`], ...limit };
}

describe('controls', () => {
  test.each(['a\0b.txt', '\0', 'a\rb.txt', 'a\nb.txt', 'a\r\nb.txt', 'a\x1bb.txt', 'a\x7fb.txt'])(
    '%j, encoded, are refused',
    async (name) => {
      await session.expectRefusal(nameRefusal('control_character'), session.form(formWith(encoded(name))));
    },
  );

  test.each(['a\0b.txt', '\0', 'a\rb.txt', 'a\nb.txt', 'a\r\nb.txt'])(
    '%j, as they are, are refused',
    async (name) => {
      await session.expectRefusal(
        { status: 400, code: 'INVALID_MULTIPART', faults: [': part_headers'], limit: 16 * 1024 },
        session.form(formWith(quoted(name))),
      );
    },
  );
});

describe('a name', () => {
  test.each([
    ['that is empty', '; filename=""'],
    ['that is absent', ''],
  ])('%s is refused, unless the input has one', async (_what, parameters) => {
    await session.expectRefusal(nameRefusal('empty'), session.form(formWith(parameters)));
    const query = uploadOne.query.replace('{ content:', '{ fileName: "given.txt", content:');
    const attachment = await session.upload(partWith(parameters, content), { ...uploadOne, query });
    expect(attachment?.fileName).toBe('given.txt');
  });

  test.each([
    ['twice: the encoded one counts', `; filename="x.txt"; filename*=UTF-8''y.txt`, 'y.txt'],
    ['twice, the other way round', `; filename*=UTF-8''y.txt; filename="x.txt"`, 'y.txt'],
    ['in Latin-1', "; filename*=ISO-8859-1''caf%E9.txt", 'café.txt'],
    ['with a language', "; filename*=utf-8'en'%E2%82%AC.txt", '€.txt'],
    ['without quotes', '; filename=x.txt', 'x.txt'],
    ['before another header', '; filename="x.txt"\r\nX-Injected: "y.txt"', 'x.txt'],
    ['with escaped quotes', '; filename="a\\"b.txt"', 'a"b.txt'],
  ])('given %s', async (_how, parameters, expected) => {
    expect((await session.upload(partWith(parameters, content)))?.fileName).toBe(expected);
  });
});

describe('a parameter that is not well formed is refused', () => {
  test.each([
    '; filename="x.txt',
    '; filename="x\\"',
    "; filename*=UTF-8''",
    '; filename*=x.txt',
    "; filename*=UTF-8''%zz",
  ])('%s', async (parameters) => {
    await session.expectRefusal(
      { status: 400, code: 'INVALID_MULTIPART', faults: [': part_headers'], limit: 16 * 1024 },
      session.form(formWith(parameters)),
    );
  });
});

describe('on the way out', () => {
  const names = [
    'a"b.txt',
    '"; filename="evil.txt',
    'a"; filename*=UTF-8\'\'evil.exe; x=".txt',
    '%0d%0aX-Injected: 1.txt',
    '%22; x.txt',
    "it's.txt",
    'a;b=c,d.txt',
    'naïve – 文件 📎.txt',
    'a?b#c&d+e.txt',
    '*.txt',
  ];

  test.each(names)('%s stays one name in one header', async (name) => {
    const query = uploadOne.query
      .replace(/\$file/, '$name: String!, $&')
      .replace('{ content:', '{ fileName: $name, content:');
    const attachment = await session.upload({ content }, { query, variables: { file: null, name } });
    expect(attachment?.fileName).toBe(name);

    const { pathname } = new URL(attachment?.url ?? '');
    expect(pathname).toMatch(/^\/attachments\/[0-9a-f-]{36}\/[\w.~!'()*%-]+$/);
    const head = requestHead(pathname, session.headers).replace('POST', 'GET');
    const { status, headers, body } = await session.post(Buffer.from(head));
    expect([status, body]).toEqual([200, content.toString()]);
    expect(headers.has('x-injected')).toBe(false);

    const disposition = headers.get('content-disposition') ?? '';
    expect(disposition).toMatch(/^[\x20-\x7e]+$/);
    expect(parse(disposition)).toMatchObject({ type: 'attachment', parameters: { filename: name } });
    expect(await session.count()).toBeGreaterThan(0);
  });
});
