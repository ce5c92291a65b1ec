import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import {
  createAttachmentUrls,
  type SignedRequest,
  type UrlMaker,
} from '../../../src/auth/attachment-urls.js';

const now = new Date('2025-11-20T10:00:00.250Z');
const maker = { keyId: '0190f2d4-0000-7000-8000-00000000000a' };
const file = { id: '0190f2d4-0000-7000-8000-000000000001', fileName: 'Q3 "final" 50% 📎.pdf' };

function createUrls(secrets: readonly [string, ...string[]] = ['first'], time = now) {
  return createAttachmentUrls({ publicUrl: () => 'https://files.example/base/', secrets, clock: () => time });
}

/** A URL as a server takes it: the decoded path and the parsed query, repeated parameters as arrays. */
function received(url: string): SignedRequest {
  const { pathname, searchParams } = new URL(url);
  const [id = ''] = pathname.split('/').slice(-2).map(decodeURIComponent);
  const query: Record<string, unknown> = {};
  for (const name of searchParams.keys()) {
    const values = searchParams.getAll(name);
    query[name] = values.length === 1 ? values[0] : values;
  }
  return { id, query };
}

function signedRequest(secret = 'first', expiresIn = 60): SignedRequest {
  return received(createUrls([secret]).signedUrl(file, { expiresIn, disposition: 'ATTACHMENT', maker }));
}

function altered(changes: Partial<SignedRequest>, query: Record<string, unknown> = {}): SignedRequest {
  const request = signedRequest();
  return { ...request, ...changes, query: { ...request.query, ...query } };
}

function without(name: string): SignedRequest {
  const request = signedRequest();
  return {
    ...request,
    query: Object.fromEntries(Object.entries(request.query).filter(([key]) => key !== name)),
  };
}

const signature = String(signedRequest().query['signature']);
const expires = String(signedRequest().query['expires']);
const by = String(signedRequest().query['by']);

describe('addresses', () => {
  it('encode each character of a name as encodeURIComponent does', () => {
    const names = Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code)).concat(
      '📎',
      '',
      '..',
    );
    const urls = names.map((fileName) => createUrls().url({ id: 'a', fileName }));
    expect(urls).toEqual(
      names.map((fileName) => `https://files.example/base/attachments/a/${encodeURIComponent(fileName)}`),
    );
  });

  it('name the file under the public URL, encoded', () => {
    expect(createUrls().url({ id: 'a b', fileName: 'x/y?#%é.txt' })).toBe(
      'https://files.example/base/attachments/a%20b/x%2Fy%3F%23%25%C3%A9.txt',
    );
  });

  it('grant what they were signed for, until the window that ends next after expiresIn seconds', () => {
    const url = createUrls().signedUrl(file, { expiresIn: 60, disposition: 'INLINE', maker });
    const verifiedAt = (time: string) => createUrls(['first'], new Date(time)).verify(received(url));
    const granted = { disposition: 'INLINE', expiresAt: new Date('2025-11-20T10:01:15.000Z'), maker };
    expect(verifiedAt('2025-11-20T10:00:00.250Z')).toEqual(granted);
    expect(verifiedAt('2025-11-20T10:01:14.999Z')).toEqual(granted);
    expect(verifiedAt('2025-11-20T10:01:15.000Z')).toBe('expired');
  });

  it('are equal within a window, and live at least expiresIn and at most a quarter and an hour longer', () => {
    const instant = fc.integer({ min: 0, max: 4e12 });
    fc.assert(
      fc.property(instant, fc.integer({ min: 1, max: 604_800 }), (at, expiresIn) => {
        const sign = (time: number) =>
          createUrls(['first'], new Date(time)).signedUrl(file, { expiresIn, disposition: 'INLINE', maker });
        const end = Number(new URL(sign(at)).searchParams.get('expires')) * 1_000;
        const longest = Math.min(expiresIn + Math.max(1, expiresIn / 4), expiresIn + 3_600);
        expect((end - at) / 1_000).toBeGreaterThanOrEqual(expiresIn);
        expect((end - at) / 1_000).toBeLessThanOrEqual(longest);
        expect(sign(end - expiresIn * 1_000)).toBe(sign(at));
        expect(sign(end - expiresIn * 1_000 + 1)).not.toBe(sign(at));
      }),
    );
  });

  it('are short, and name a user without showing the id', () => {
    const sign = (by: UrlMaker) =>
      createUrls().signedUrl(file, { expiresIn: 300, disposition: 'INLINE', maker: by });
    expect(new URL(sign(maker)).search.length).toBeLessThan(120);
    const user = { userId: 'anna@example.com' };
    expect(createUrls().verify(received(sign(user)))).toMatchObject({ maker: user });
    expect(decodeURIComponent(sign(user))).not.toContain('anna');
    expect(
      Buffer.from(new URL(sign(user)).searchParams.get('by') ?? '', 'base64url').toString(),
    ).not.toContain('anna');
    expect(sign(user)).toBe(sign(user));
    expect(sign({ userId: 'bob' })).not.toBe(sign({ userId: 'bobby' }));
  });

  it.each([0, -1, 604_801, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'cannot live %p seconds',
    (expiresIn) => {
      expect(() => createUrls().signedUrl(file, { expiresIn, disposition: 'INLINE', maker })).toThrow(
        expect.objectContaining({
          code: 'BAD_USER_INPUT',
          limit: 604_800,
          details: [expect.objectContaining({ loc: ['expiresIn'] })],
        }),
      );
    },
  );

  it.each([1, 604_800])('can live %p seconds', (expiresIn) => {
    expect(createUrls().verify(signedRequest('first', expiresIn))).toHaveProperty(
      'disposition',
      'ATTACHMENT',
    );
  });
});

describe('a signature', () => {
  it('survives the rotation of secrets, and dies with its secret', () => {
    const request = signedRequest('first');
    expect(createUrls(['second', 'first']).verify(request)).toHaveProperty('disposition');
    expect(createUrls(['second', 'third']).verify(request)).toBe('invalid');
    expect(createUrls(['first', 'second']).verify(signedRequest('second'))).toHaveProperty('disposition');
  });

  it('is made with the first secret', () => {
    const url = createUrls(['first', 'second']).signedUrl(file, {
      expiresIn: 60,
      disposition: 'ATTACHMENT',
      maker,
    });
    expect(createUrls(['first']).verify(received(url))).toHaveProperty('disposition');
    expect(createUrls(['second']).verify(received(url))).toBe('invalid');
  });

  it('is an HMAC-SHA256 in base64url over every part but the name', () => {
    const text = JSON.stringify(['attachment-url', file.id, 'ATTACHMENT', expires, by]);
    expect(signature).toBe(createHmac('sha256', 'first').update(text).digest('base64url'));
  });

  it.each<[string, SignedRequest]>([
    ['another id', altered({ id: file.id.replace(/1$/, '2') })],
    ['a longer id', altered({ id: `${file.id}Q` })],
    ['another disposition', altered({}, { disposition: 'INLINE' })],
    ['an unknown disposition', altered({}, { disposition: 'attachment' })],
    ['a later expiry', altered({}, { expires: String(Number(expires) + 1) })],
    ['the same expiry written otherwise', altered({}, { expires: `0${expires}` })],
    ['an expiry that is no number', altered({}, { expires: 'never' })],
    ['an empty signature', altered({}, { signature: '' })],
    ['a shorter signature', altered({}, { signature: signature.slice(0, -1) })],
    ['a longer signature', altered({}, { signature: `${signature}A` })],
    ['a padded signature', altered({}, { signature: `${signature}=` })],
    ['a signature of as many characters but more bytes', altered({}, { signature: 'é'.repeat(43) })],
    ['a very long signature', altered({}, { signature: 'A'.repeat(10_000) })],
    ['a changed first character', altered({}, { signature: flip(signature, 0) })],
    ['a changed last character', altered({}, { signature: flip(signature, 42) })],
    ['a repeated signature', altered({}, { signature: [signature, signature] })],
    ['a repeated expiry', altered({}, { expires: [expires, expires] })],
    ['a repeated disposition', altered({}, { disposition: ['ATTACHMENT', 'ATTACHMENT'] })],
    ['an additional parameter', altered({}, { download: '1' })],
    ['an additional parameter of odd name', altered({}, { '': '' })],
    ['no signature', without('signature')],
    ['no expiry', without('expires')],
    ['no disposition', without('disposition')],
    ['no maker', without('by')],
    ['another maker', altered({}, { by: flip(by, 5) })],
    ['a user for a key', altered({}, { by: `u${by.slice(1)}` })],
    ['a repeated maker', altered({}, { by: [by, by] })],
    ['another secret', signedRequest('other')],
    ['another secret, expired', altered({}, { expires: '1' })],
  ])('is invalid with %s', (_what, request) => {
    expect(createUrls().verify(request)).toBe('invalid');
  });

  it('belongs to one file, disposition and expiry, whatever the name: other values never share it', () => {
    const part = fc.string({ unit: 'binary', maxLength: 6 });
    fc.assert(
      fc.property(part, part, part, (id, fileName, otherId) => {
        fc.pre(id !== otherId);
        const url = createUrls().signedUrl({ id, fileName }, { expiresIn: 60, disposition: 'INLINE', maker });
        const { query } = received(url);
        expect(createUrls().verify({ id, query })).toHaveProperty('disposition', 'INLINE');
        expect(createUrls().verify({ id: otherId, query })).toBe('invalid');
      }),
    );
  });
});

/** The text with its bit 0 of one base64url digit turned over: for the last digit that leaves the decoded bytes alike. */
function flip(text: string, index: number): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const digit = digits.charAt(digits.indexOf(text.charAt(index)) ^ 1);
  return text.slice(0, index) + digit + text.slice(index + 1);
}
