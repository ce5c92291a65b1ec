import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { createAttachmentUrls, type SignedRequest } from '../../src/auth/attachment-urls.js';

const now = new Date('2025-11-20T10:00:00.250Z');
const file = { id: '0190f2d4-0000-7000-8000-000000000001', fileName: 'Q3 "final" 50% 📎.pdf' };

function createUrls(secrets: readonly [string, ...string[]] = ['first'], time = now) {
  return createAttachmentUrls({ publicUrl: () => 'https://files.example/base/', secrets, clock: () => time });
}

/** What a server would take from a URL: the decoded path and the parsed query, repeated parameters as arrays. */
function received(url: string): SignedRequest {
  const { pathname, searchParams } = new URL(url);
  const [id = '', fileName = ''] = pathname.split('/').slice(-2).map(decodeURIComponent);
  const query: Record<string, unknown> = {};
  for (const name of searchParams.keys()) {
    const values = searchParams.getAll(name);
    query[name] = values.length === 1 ? values[0] : values;
  }
  return { id, fileName, query };
}

function signedRequest(secret = 'first', expiresIn = 60): SignedRequest {
  return received(createUrls([secret]).signedUrl(file, { expiresIn, disposition: 'ATTACHMENT' }));
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

describe('addresses', () => {
  it('name the file under the public URL, encoded', () => {
    expect(createUrls().url({ id: 'a b', fileName: 'x/y?#%é.txt' })).toBe(
      'https://files.example/base/attachments/a%20b/x%2Fy%3F%23%25%C3%A9.txt',
    );
  });

  it('grant what they were signed for, until exactly expiresIn seconds later', () => {
    const url = createUrls().signedUrl(file, { expiresIn: 60, disposition: 'INLINE' });
    const verifiedAt = (time: string) => createUrls(['first'], new Date(time)).verify(received(url));
    const granted = { disposition: 'INLINE', expiresAt: new Date('2025-11-20T10:01:00.250Z') };
    expect(verifiedAt('2025-11-20T10:00:00.250Z')).toEqual(granted);
    expect(verifiedAt('2025-11-20T10:01:00.249Z')).toEqual(granted);
    expect(verifiedAt('2025-11-20T10:01:00.250Z')).toBe('expired');
  });

  it.each([0, -1, 604_801, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'cannot live %p seconds',
    (expiresIn) => {
      expect(() => createUrls().signedUrl(file, { expiresIn, disposition: 'INLINE' })).toThrow(
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
    const url = createUrls(['first', 'second']).signedUrl(file, { expiresIn: 60, disposition: 'ATTACHMENT' });
    expect(createUrls(['first']).verify(received(url))).toHaveProperty('disposition');
    expect(createUrls(['second']).verify(received(url))).toBe('invalid');
  });

  it('is an HMAC-SHA256 in base64url over every part', () => {
    const text = JSON.stringify(['attachment-url', file.id, file.fileName, 'ATTACHMENT', expires]);
    expect(signature).toBe(createHmac('sha256', 'first').update(text).digest('base64url'));
  });

  it.each<[string, SignedRequest]>([
    ['another id', altered({ id: file.id.replace(/1$/, '2') })],
    ['another name', altered({ fileName: 'other.pdf' })],
    ['a character moved from name to id', altered({ id: `${file.id}Q`, fileName: file.fileName.slice(1) })],
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
    ['another secret', signedRequest('other')],
    ['another secret, expired', altered({}, { expires: '1' })],
  ])('is invalid with %s', (_what, request) => {
    expect(createUrls().verify(request)).toBe('invalid');
  });

  it('belongs to one file, disposition and expiry: other values never share it', () => {
    const part = fc.string({ unit: 'binary', maxLength: 6 });
    fc.assert(
      fc.property(part, part, part, part, (id, fileName, otherId, otherName) => {
        fc.pre(id !== otherId || fileName !== otherName);
        const url = createUrls().signedUrl({ id, fileName }, { expiresIn: 60, disposition: 'INLINE' });
        const { query } = received(url);
        expect(createUrls().verify({ id, fileName, query })).toHaveProperty('disposition', 'INLINE');
        expect(createUrls().verify({ id: otherId, fileName: otherName, query })).toBe('invalid');
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
