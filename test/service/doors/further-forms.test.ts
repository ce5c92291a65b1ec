import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const boundary = '----FormBoundary7MA4YWxkTrZu0gW';
const operations = JSON.stringify({
  query: `mutation ($file: Upload!) {
    createAttachment(input: { content: { upload: $file } }) { attachment { fileName contentType size } } }`,
  variables: { file: null },
});

/** A form whose texts are bytes, each a character. Members that are left out are as curl writes them. */
interface Form {
  /** Headers of the file's part, the first of `operations` and the further ones of `map`. */
  file?: string;
  operations?: string;
  map?: string;
  key?: string;
  preamble?: string;
  epilogue?: string;
  contentType?: string;
}

const disposition = 'Content-Disposition: form-data; ';
const usual = `${disposition}name="0"; filename="a.txt"`;

async function send(form: Form): Promise<unknown> {
  const { key = '0', preamble = '', epilogue = '\r\n' } = form;
  const part = (headers: string, content: string) =>
    `--${boundary}\r\n${headers}\r\n\r\n${Buffer.from(content).toString('latin1')}\r\n`;
  const text = [
    preamble,
    part(form.operations ?? `${disposition}name="operations"`, operations),
    part(form.map ?? `${disposition}name="map"`, JSON.stringify({ [key]: ['variables.file'] })),
    part(form.file ?? usual, 'hello'),
    `--${boundary}--${epilogue}`,
  ].join('');
  return sendBytes(Buffer.from(text, 'latin1'), form.contentType);
}

async function sendBytes(
  body: Buffer<ArrayBuffer>,
  contentType = `multipart/form-data; boundary=${boundary}`,
): Promise<unknown> {
  const response = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: {
      ...service.client.headers,
      'apollo-require-preflight': 'true',
      'content-type': contentType,
    },
    body,
  });
  const { data, errors } = (await response.json()) as {
    data?: { createAttachment: { attachment: unknown } | null } | null;
    errors?: { extensions: { details: { type: string }[] } }[];
  };
  return data?.createAttachment?.attachment ?? errors?.[0]?.extensions.details[0]?.type;
}

const withHeader = (header: string): Form => ({ file: `${usual}\r\n${header}` });
const named = (parameters: string): Form => ({ file: `${disposition}name="0"; ${parameters}` });
const keyed = (key: string): Form => ({ key, file: `${disposition}name="${key}"; filename="a.txt"` });
const typed = (contentType: string): Form => ({ contentType });

/** Forms as clients, proxies and libraries write them, beside the spellings of names that have tests of their own. */
const taken: [string, Form][] = [
  ['a type that is empty', withHeader('Content-Type: ')],
  ['a type that is none', withHeader('Content-Type: junk')],
  ['a type of three words', withHeader('Content-Type: text/plain; charset=UTF-8; name="a.txt"')],
  ['a type in capitals', withHeader('CONTENT-TYPE: TEXT/PLAIN')],
  ['a type for anything', withHeader('Content-Type: */*')],
  ['a type of a form', withHeader('Content-Type: multipart/form-data')],
  ['binary encoding', withHeader('Content-Transfer-Encoding: binary')],
  ['8bit encoding', withHeader('Content-Transfer-Encoding: 8bit')],
  ['7bit encoding', withHeader('Content-Transfer-Encoding: 7bit')],
  ['its length', withHeader('Content-Length: 5')],
  ['a wrong length', withHeader('Content-Length: 500')],
  ['a digest', withHeader('Content-MD5: XUFAKrxLKna5cZ2REBfFkg==')],
  ['headers of its own', withHeader('X-Any: y\r\nContent-ID: <1>\r\nContent-Description: a file')],
  [
    'headers in small letters',
    { file: usual.toLowerCase(), operations: 'content-disposition: form-data; name="operations"' },
  ],
  ['headers in capitals', { file: 'CONTENT-DISPOSITION: FORM-DATA; NAME="0"; FILENAME="a.txt"' }],
  ['no spaces', { file: 'Content-Disposition:form-data;name="0";filename="a.txt"' }],
  ['spaces before semicolons', { file: 'Content-Disposition: form-data ; name="0" ; filename="a.txt"' }],
  ['a header on three lines', { file: 'Content-Disposition: form-data;\r\n name="0";\r\n filename="a.txt"' }],
  ['tokens', { file: `${disposition}name=0; filename=a.txt`, map: `${disposition}name=map` }],
  ['the name of the file first', { file: `${disposition}filename="a.txt"; name="0"` }],
  ['more parameters', named('filename="a.txt"; size=5; modification-date="Mon, 01 Jan 2024 00:00:00 GMT"')],
  ['two names, the first of which counts', named('filename="a.txt"; filename="b.txt"')],
  ['operations as JSON', { operations: `${disposition}name="operations"\r\nContent-Type: application/json` }],
  [
    'operations as text',
    { operations: `${disposition}name="operations"\r\nContent-Type: text/plain; charset=utf-8` },
  ],
  [
    'operations with an encoding',
    { operations: `${disposition}name="operations"\r\nContent-Transfer-Encoding: 8bit` },
  ],
  ['a map as JSON', { map: `${disposition}name="map"\r\nContent-Type: application/json; charset=utf-8` }],
  ['a map with its length', { map: `${disposition}name="map"\r\nContent-Length: 22` }],
  ['a key that is a word', keyed('file')],
  ['a key that is a UUID', keyed('6f1c1b1e-7a68-4d6b-9a57-0c7b2f4f0e11')],
  ['a key that is a path', keyed('variables.file')],
  ['a key with brackets', keyed('files[]')],
  ['a key with a space', keyed('my file')],
  ['a preamble', { preamble: 'This is a multi-part message in MIME format.\r\n' }],
  ['an empty line first', { preamble: '\r\n' }],
  ['an epilogue', { epilogue: '\r\nan epilogue\r\n' }],
  ['no line end behind all', { epilogue: '' }],
  ['spaces behind all', { epilogue: '  \r\n' }],
  ['a quoted boundary', typed(`multipart/form-data; boundary="${boundary}"`)],
  ['a charset before the boundary', typed(`multipart/form-data; charset=utf-8; boundary=${boundary}`)],
  ['a charset behind it', typed(`multipart/form-data; boundary=${boundary}; charset=UTF-8`)],
  ['capitals', typed(`Multipart/Form-Data; Boundary=${boundary}`)],
  ['no space before the boundary', typed(`multipart/form-data;boundary=${boundary}`)],
  ['a space before the semicolon', typed(`multipart/form-data ; boundary=${boundary}`)],
  ['a semicolon behind it', typed(`multipart/form-data; boundary=${boundary};`)],
];

test.each(taken)('%s', async (_what, form) => {
  expect(await send(form)).toEqual({ fileName: 'a.txt', contentType: 'text/plain', size: 5 });
});

test.each([
  ['spaces around the sign', named('filename = "a.txt"'), 'part_headers'],
  ['a semicolon behind all', named('filename="a.txt";'), 'part_headers'],
  ['an extended name in quotation marks', named(`filename*="UTF-8''a.txt"`), 'part_headers'],
  ['single quotation marks', { file: `${disposition}name='0'; filename='a.txt'` }, 'part_unexpected'],
  [
    'another disposition',
    { file: 'Content-Disposition: attachment; name="0"; filename="a.txt"' },
    'part_headers',
  ],
] as const)('a spelling that no grammar has is refused with a type: %s', async (_what, form, type) => {
  expect(await send(form)).toBe(type);
});

test.each([
  ['base64, as curl writes it', withHeader('Content-Transfer-Encoding: base64')],
  ['quoted-printable on two lines', withHeader('Content-Transfer-Encoding:\r\n Quoted-Printable')],
  ['gzip', withHeader('Content-Encoding: gzip')],
  [
    'base64 of operations',
    { operations: `${disposition}name="operations"\r\nContent-Transfer-Encoding: base64` },
  ],
] as const)('bytes that stand for others are not taken for a file: %s', async (_what, form) => {
  expect(await send(form)).toBe('part_encoding');
});

test('operations in bytes that are no UTF-8 are refused, not changed, unless they say their character set', async () => {
  const named = operations.replace('upload: $file }', 'upload: $file }, fileName: \\"caf\xe9.txt\\"');
  const sent = (headers: string) =>
    sendBytes(
      Buffer.from(
        [
          `--${boundary}\r\n${disposition}name="operations"${headers}\r\n\r\n${named}\r\n`,
          `--${boundary}\r\n${disposition}name="map"\r\n\r\n{"0":["variables.file"]}\r\n`,
          `--${boundary}\r\n${usual}\r\n\r\nhello\r\n--${boundary}--\r\n`,
        ].join(''),
        'latin1',
      ),
    );
  expect(await sent('')).toBe('json_invalid');
  expect(await sent('\r\nContent-Type: application/json; charset=iso-8859-1')).toMatchObject({
    fileName: 'caf\xe9.txt',
  });
});

test('they are counted', () => {
  report(`${taken.length} further forms taken`);
  expect(taken.length).toBeGreaterThan(40);
});
