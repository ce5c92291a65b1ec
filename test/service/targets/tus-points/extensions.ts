import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type Exchange, metadataOf, type Point } from './exchange.js';

const creation: readonly Omit<Point, 'section'>[] = [
  {
    title: 'POST with Upload-Length is 201 with Location, which an upload is then at',
    prove: async (tus) => equal(await tus.offset(await tus.create(5)), '0'),
  },
  {
    title: 'POST without a length that is a whole number from 0 on is refused',
    prove: async (tus) => {
      for (const length of ['', '-1', '1.5', 'x', '0x10', '99999999999999999999']) {
        const { status } = await tus.post({ headers: { 'Upload-Length': length } });
        ok(status >= 400 && status < 500, `${length}: ${status}`);
      }
    },
  },
  {
    title: 'POST of more than Tus-Max-Size is 413',
    prove: async (tus) => {
      const { header } = await tus.send('OPTIONS', await tus.create(1), { headers: { 'Tus-Resumable': '' } });
      const most = Number(header('Tus-Max-Size') ?? Number.NaN);
      ok(Number.isSafeInteger(most), 'There is no Tus-Max-Size.');
      equal((await tus.post({ headers: { 'Upload-Length': String(most + 1) } })).status, 413);
      equal((await tus.post({ headers: { 'Upload-Length': String(most) } })).status, 201);
    },
  },
  {
    title: 'an upload of no bytes is finished at once',
    prove: async (tus) => {
      const { header } = await tus.head(await tus.create(0));
      deepEqual([header('Upload-Offset'), header('Upload-Length')], ['0', '0']);
    },
  },
  {
    title: 'HEAD has Upload-Metadata as it was sent',
    prove: async (tus) => {
      const metadata = `${metadataOf({ filename: 'Grüße, 1.txt', other: 'x' })},empty`;
      const url = await tus.create(1, { 'Upload-Metadata': metadata });
      equal((await tus.head(url)).header('Upload-Metadata'), metadata);
    },
  },
  {
    title: 'Upload-Metadata with a key twice, without a key, or with a value that is not Base64 is refused',
    prove: async (tus) => {
      for (const metadata of ['a YQ==,a Yg==', 'a YQ==,', ' YQ==', 'a %%%', 'a YQ== YQ==']) {
        const { status } = await tus.post({ headers: { 'Upload-Length': '1', 'Upload-Metadata': metadata } });
        equal([metadata, status].join(), [metadata, 400].join());
      }
    },
  },
];

const withUpload: readonly Omit<Point, 'section'>[] = [
  {
    title: 'POST with bytes takes them, and has Upload-Offset',
    prove: async (tus) => {
      const { status, header } = await tus.post({ headers: { 'Upload-Length': '5' }, body: 'abc' });
      deepEqual([status, header('Upload-Offset')], [201, '3']);
      const url = header('Location') ?? '';
      equal((await tus.patch(url, 3, 'de')).header('Upload-Offset'), '5');
    },
  },
  {
    title: 'POST with bytes of another content type makes no upload of them',
    prove: async (tus) => {
      const headers = { 'Upload-Length': '3', 'Content-Type': 'text/plain' };
      const { status } = await tus.post({ headers, body: 'abc' });
      ok(status >= 400 && status < 500, String(status));
    },
  },
];

const deferLength: readonly Omit<Point, 'section'>[] = [
  {
    title: 'Upload-Defer-Length is 1 in HEAD until the length is known, and not after',
    prove: async (tus) => {
      const url = (await tus.post({ headers: { 'Upload-Defer-Length': '1' } })).header('Location') ?? '';
      const before = await tus.head(url);
      deepEqual([before.header('Upload-Defer-Length'), before.header('Upload-Length')], ['1', null]);
      await tus.patch(url, 0, 'abc');
      equal((await tus.head(url)).header('Upload-Defer-Length'), '1');
      await tus.patch(url, 3, 'de', { 'Upload-Length': '5' });
      const after = await tus.head(url);
      deepEqual(['Upload-Defer-Length', 'Upload-Length', 'Upload-Offset'].map(after.header), [
        null,
        '5',
        '5',
      ]);
    },
  },
  {
    title: 'a value other than 1, or a length beside it, is 400',
    prove: async (tus) => {
      for (const value of ['0', '2', 'true'])
        equal((await tus.post({ headers: { 'Upload-Defer-Length': value } })).status, 400);
      equal((await tus.post({ headers: { 'Upload-Defer-Length': '1', 'Upload-Length': '3' } })).status, 400);
    },
  },
  {
    title: 'a length that has been told is not changed',
    prove: async (tus) => {
      const url = (await tus.post({ headers: { 'Upload-Defer-Length': '1' } })).header('Location') ?? '';
      await tus.patch(url, 0, 'ab', { 'Upload-Length': '5' });
      const { status } = await tus.patch(url, 2, 'c', { 'Upload-Length': '9' });
      ok(status >= 400 && status < 500, String(status));
      equal((await tus.head(url)).header('Upload-Length'), '5');
    },
  },
];

/** RFC 9110, a date such as `Sun, 06 Nov 1994 08:49:37 GMT`. */
const httpDate = /^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

const expiration: readonly Omit<Point, 'section'>[] = [
  {
    title:
      'Upload-Expires, a date of HTTP that is to come, is in POST and in each PATCH of an unfinished upload',
    prove: async (tus) => {
      const made = await tus.post({ headers: { 'Upload-Length': '5' } });
      const patched = await tus.patch(made.header('Location') ?? '', 0, 'ab');
      for (const { header } of [made, patched]) {
        match(header('Upload-Expires') ?? '', httpDate);
        ok(Date.parse(header('Upload-Expires') ?? '') > Date.now());
      }
    },
  },
];

const checksumOf = (algorithm: string, text: string) =>
  `${algorithm} ${createHash(algorithm).update(text).digest('base64')}`;

const checksum: readonly Omit<Point, 'section'>[] = [
  {
    title: 'Tus-Checksum-Algorithm has sha1 among others, and each of them is known',
    prove: async (tus) => {
      const { header } = await tus.send('OPTIONS', await tus.create(1), { headers: { 'Tus-Resumable': '' } });
      const algorithms = header('Tus-Checksum-Algorithm')?.split(',') ?? [];
      ok(algorithms.includes('sha1'), algorithms.join());
      for (const algorithm of algorithms) {
        const url = await tus.create(3);
        const headers = { 'Upload-Checksum': checksumOf(algorithm, 'abc') };
        equal((await tus.patch(url, 0, 'abc', headers)).status, 204, algorithm);
      }
    },
  },
  {
    title: 'bytes of another checksum are 460, and gone',
    prove: async (tus) => {
      const url = await tus.create(6);
      await tus.patch(url, 0, 'ab');
      const headers = { 'Upload-Checksum': checksumOf('sha1', 'other') };
      equal((await tus.patch(url, 2, 'cdef', headers)).status, 460);
      equal(await tus.offset(url), '2');
      const right = { 'Upload-Checksum': checksumOf('sha1', 'cdef') };
      equal((await tus.patch(url, 2, 'cdef', right)).header('Upload-Offset'), '6');
    },
  },
  {
    title: 'an algorithm that the server does not know is 400, and changes nothing',
    prove: async (tus) => {
      const url = await tus.create(3);
      equal((await tus.patch(url, 0, 'abc', { 'Upload-Checksum': 'nothing YWJj' })).status, 400);
      equal(await tus.offset(url), '0');
    },
  },
];

const termination: readonly Omit<Point, 'section'>[] = [
  {
    title: 'DELETE is 204, and the upload is 404 or 410 from then on',
    prove: async (tus) => {
      for (const sent of ['', 'ab', 'abc']) {
        const url = await tus.create(3);
        if (sent !== '') await tus.patch(url, 0, sent);
        equal((await tus.send('DELETE', url)).status, 204);
        for (const { status } of [await tus.head(url), await tus.patch(url, 0, 'abc')])
          ok(status === 404 || status === 410, String(status));
      }
    },
  },
];

async function partOf(tus: Exchange, content: string): Promise<string> {
  const url = await tus.create(content.length, { 'Upload-Concat': 'partial', 'Upload-Metadata': '' });
  await tus.patch(url, 0, content);
  return url;
}

const concatenation: readonly Omit<Point, 'section'>[] = [
  {
    title: 'HEAD of a partial upload says so',
    prove: async (tus) => equal((await tus.head(await partOf(tus, 'ab'))).header('Upload-Concat'), 'partial'),
  },
  {
    title: 'the final upload is as long as its parts, and HEAD has Upload-Concat as it was sent',
    prove: async (tus) => {
      const [one, two] = [await partOf(tus, 'ab'), await partOf(tus, 'cde')];
      // A URL may be relative.
      const concat = `final;${one} ${new URL(two).pathname}`;
      const made = await tus.post({ headers: { 'Upload-Concat': concat } });
      equal(made.status, 201);
      const { header } = await tus.head(made.header('Location') ?? '');
      deepEqual(['Upload-Offset', 'Upload-Length', 'Upload-Concat'].map(header), ['5', '5', concat]);
    },
  },
  {
    title: 'PATCH of a final upload is 403, and changes nothing',
    prove: async (tus) => {
      const concat = `final;${await partOf(tus, 'ab')}`;
      const made = await tus.post({ headers: { 'Upload-Concat': concat } });
      const url = made.header('Location') ?? '';
      equal((await tus.patch(url, 2, 'x')).status, 403);
      equal(await tus.offset(url), '2');
    },
  },
  {
    title: 'a final upload of parts that are not there is refused',
    prove: async (tus) => {
      const made = await tus.post({ headers: { 'Upload-Concat': `final;${await partOf(tus, 'ab')}x` } });
      ok(made.status >= 400 && made.status < 500, String(made.status));
      equal(made.header('Location'), null);
      notEqual(made.header('Tus-Resumable'), null);
    },
  },
];

const inSection = (section: string, points: readonly Omit<Point, 'section'>[]): Point[] =>
  points.map((point) => ({ section, ...point }));

/** By the names that `Tus-Extension` has them under. */
export const extensions: readonly Point[] = [
  ...inSection('creation', creation),
  ...inSection('creation-with-upload', withUpload),
  ...inSection('creation-defer-length', deferLength),
  ...inSection('expiration', expiration),
  ...inSection('checksum', checksum),
  ...inSection('termination', termination),
  ...inSection('concatenation', concatenation),
];
