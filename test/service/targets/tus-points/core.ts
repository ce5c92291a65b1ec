import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict';
import type { Point } from './exchange.js';

const section = 'core';

/** The core protocol: https://tus.io/protocols/resumable-upload, version 1.0.0. */
export const core: readonly Point[] = [
  {
    section,
    title: 'HEAD always has Upload-Offset: at 0, in between and at the end',
    prove: async (tus) => {
      const url = await tus.create(6);
      const offsets = [await tus.offset(url)];
      for (const offset of [0, 3]) {
        await tus.patch(url, offset, 'abc');
        offsets.push(await tus.offset(url));
      }
      deepEqual(offsets, ['0', '3', '6']);
    },
  },
  {
    section,
    title: 'HEAD has Upload-Length once it is known',
    prove: async (tus) => equal((await tus.head(await tus.create(6))).header('Upload-Length'), '6'),
  },
  {
    section,
    title: 'HEAD of no upload is 403, 404 or 410, without Upload-Offset',
    prove: async (tus) => {
      const { status, header } = await tus.head(`${await tus.create(6)}x`);
      ok([403, 404, 410].includes(status), String(status));
      equal(header('Upload-Offset'), null);
    },
  },
  {
    section,
    title: 'HEAD is not cached',
    prove: async (tus) =>
      match((await tus.head(await tus.create(6))).header('Cache-Control') ?? '', /\bno-store\b/),
  },
  {
    section,
    title: 'PATCH is acknowledged by 204, and Upload-Offset is the offset before with the bytes that came',
    prove: async (tus) => {
      const url = await tus.create(6);
      const answers = [await tus.patch(url, 0, 'ab'), await tus.patch(url, 2, 'cdef')];
      deepEqual(
        answers.map(({ status, header }) => [status, header('Upload-Offset')]),
        [
          [204, '2'],
          [204, '6'],
        ],
      );
    },
  },
  {
    section,
    title: 'PATCH at another offset is 409, and changes nothing',
    prove: async (tus) => {
      const url = await tus.create(6);
      await tus.patch(url, 0, 'ab');
      for (const offset of [0, 1, 3, 6]) equal((await tus.patch(url, offset, 'x')).status, 409);
      equal(await tus.offset(url), '2');
    },
  },
  {
    section,
    title: 'PATCH of another content type is 415, and changes nothing',
    prove: async (tus) => {
      const url = await tus.create(6);
      for (const type of ['application/octet-stream', 'text/plain', 'application/x-www-form-urlencoded'])
        equal((await tus.patch(url, 0, 'x', { 'Content-Type': type })).status, 415);
      equal(await tus.offset(url), '0');
    },
  },
  {
    section,
    title: 'PATCH without Upload-Offset, or with one that is no whole number from 0 on, changes nothing',
    prove: async (tus) => {
      const url = await tus.create(6);
      for (const offset of ['', '-1', '1.5', 'x', '0x0', '1e0', '+0']) {
        const { status } = await tus.send('PATCH', url, { headers: { 'Upload-Offset': offset }, body: 'x' });
        ok(status >= 400 && status < 500, `${offset}: ${status}`);
      }
      equal(await tus.offset(url), '0');
    },
  },
  {
    section,
    title: 'PATCH of no upload is 404',
    prove: async (tus) => equal((await tus.patch(`${await tus.create(6)}x`, 0, 'x')).status, 404),
  },
  {
    section,
    title: 'PATCH with more bytes than are left is refused, and the upload has no more than its length',
    prove: async (tus) => {
      const url = await tus.create(3);
      const { status } = await tus.patch(url, 0, 'abcdef');
      ok(status >= 400 && status < 500, String(status));
      ok(Number(await tus.offset(url)) <= 3);
    },
  },
  {
    section,
    title: 'as much as has come before a connection breaks is kept',
    prove: async (tus) => {
      const size = 400_000;
      const url = await tus.create(size);
      await tus.patchInPart(url, 0, size, Buffer.alloc(size / 2, 'a'));
      // They may still be in the buffers of the connection.
      let offset = 0;
      while (offset === 0) offset = Number(await tus.offset(url));
      ok(offset <= size / 2, String(offset));
      equal((await tus.patch(url, offset, Buffer.alloc(size - offset, 'a'))).status, 204);
      equal(await tus.offset(url), String(size));
    },
  },
  {
    section,
    title: 'OPTIONS is 200 or 204 with Tus-Version, and without regard to Tus-Resumable',
    prove: async (tus) => {
      for (const version of ['', '1.0.0', '0.1.0']) {
        const url = await tus.create(1);
        const { status, header } = await tus.send('OPTIONS', url, { headers: { 'Tus-Resumable': version } });
        ok(status === 200 || status === 204, String(status));
        ok(header('Tus-Version')?.split(',').includes('1.0.0'));
      }
    },
  },
  {
    section,
    title: 'every other answer has Tus-Resumable, also a refusal',
    prove: async (tus) => {
      const url = await tus.create(2);
      const answers = [
        await tus.post({ headers: { 'Upload-Length': '1' } }),
        await tus.post(),
        await tus.head(url),
        await tus.patch(url, 1, 'a'),
        await tus.patch(url, 0, 'ab'),
        await tus.head(`${url}x`),
      ];
      for (const { status, header } of answers) equal(header('Tus-Resumable'), '1.0.0', String(status));
    },
  },
  {
    section,
    title: 'a request of another version, or of none, is 412 with Tus-Version, and is not processed',
    prove: async (tus) => {
      const url = await tus.create(2);
      for (const version of ['', '0.2.2', '2.0.0']) {
        const headers = { 'Tus-Resumable': version };
        for (const told of [
          await tus.post({ headers: { ...headers, 'Upload-Length': '1' } }),
          await tus.head(url, headers),
          await tus.patch(url, 0, 'ab', headers),
        ]) {
          equal(told.status, 412);
          notEqual(told.header('Tus-Version'), null);
        }
      }
      equal(await tus.offset(url), '0');
    },
  },
  {
    section,
    title: 'X-HTTP-Method-Override stands for the method',
    prove: async (tus) => {
      const url = await tus.create(2);
      const headers = { 'X-HTTP-Method-Override': 'PATCH', 'Upload-Offset': '0' };
      equal((await tus.send('POST', url, { headers, body: 'ab' })).status, 204);
      equal(await tus.offset(url), '2');
    },
  },
];
