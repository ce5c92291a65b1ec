import { createHmac } from 'node:crypto';
import { exportSPKI, SignJWT } from 'jose';
import { Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { type IssuerKey, type JwksServer, newIssuerKey, startJwksServer } from './jwks-server.js';
import { audience, claims, issuer, joined, seconds, secret, secretKey, sign, signWith } from './tokens.js';

/** Tokens by what is wrong with them. */
type Abuses = Record<string, () => string | Promise<string>>;

/** The reasons that are told, for some of the tokens. */
const reasons: Record<string, string> = {
  'no exp': 'token_claim_missing',
  'exp as text': 'token_claim_invalid',
  'exp beyond the skew': 'token_expired',
  'nbf beyond the skew': 'token_early',
  'another issuer': 'token_issuer',
  'no issuer': 'token_claim_missing',
  'another audience': 'token_audience',
  'no sub': 'token_claim_missing',
  'no org': 'token_claim_missing',
  'org of dots': 'token_claim_invalid',
  'permissions as number': 'token_claim_invalid',
  'scope as object': 'token_claim_invalid',
  'scp as boolean': 'token_claim_invalid',
  'alg none': 'token_malformed',
  'alg none with a signature': 'token_algorithm',
  'another secret': 'token_signature',
  'an unknown key': 'token_key_unknown',
  "a stranger's key of that name": 'token_signature',
  'a crit header': 'token_header',
  'a huge token': 'token_too_long',
  garbage: 'token_malformed',
};

/** Faulty claims. They do not depend on how a token is signed. */
const badClaims: Record<string, Record<string, unknown>> = {
  'no exp': { exp: undefined },
  'exp as text': { exp: String(seconds(300)) },
  'exp beyond the skew': { exp: seconds(-61) },
  'nbf beyond the skew': { nbf: seconds(185) },
  'nbf as text': { nbf: 'now' },
  'another issuer': { iss: 'https://evil.example' },
  'no issuer': { iss: undefined },
  'another audience': { aud: 'other' },
  'other audiences': { aud: ['other', 'another'] },
  'no audience': { aud: undefined },
  'no sub': { sub: undefined },
  'empty sub': { sub: '' },
  'blank sub': { sub: ' ' },
  'long sub': { sub: 'x'.repeat(256) },
  'sub with NUL': { sub: 'ada\u0000' },
  'sub with half a surrogate pair': { sub: 'ada\ud800' },
  'sub as number': { sub: 7 },
  'sub as array': { sub: ['ada'] },
  'no org': { org: undefined },
  'empty org': { org: '' },
  'null org': { org: null },
  'org as array': { org: ['org-a'] },
  'org of dots': { org: '..' },
  'org of a dot': { org: '.' },
  'hidden org': { org: '.org' },
  'org with a slash': { org: 'a/b' },
  'org that climbs': { org: '../org-a' },
  'org with a backslash': { org: 'a\\b' },
  'org with an encoded slash': { org: 'a%2fb' },
  'org with NUL': { org: 'a\u0000' },
  'org with a line feed': { org: 'org-a\n' },
  'long org': { org: 'x'.repeat(37) },
  'permissions as number': { permissions: 7 },
  'permissions as object': { permissions: { 0: 'attachments:read' } },
  'scope as object': { permissions: undefined, scope: { a: 'attachments:read' } },
  'scp as boolean': { permissions: null, scp: true },
};

const changedAt = (text: string, at: number, to: string) => `${text.slice(0, at)}${to}${text.slice(at + 1)}`;

/** The token with one character of its signature changed: the first, or the last, which has bits to spare. */
function changedSignature(token: string, at: number): string {
  const place = at < 0 ? token.length + at : token.lastIndexOf('.') + 1 + at;
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const value = alphabet.indexOf(token[place] ?? '');
  return changedAt(token, place, alphabet[value ^ 1] ?? '');
}

async function refusals(service: TestService, abuses: Abuses): Promise<number> {
  for (const [name, make] of Object.entries(abuses)) {
    const token = await make();
    const answer = await new Client(service.url, token).graphql('{ viewer { organizationId } }');
    const download = await fetch(`${service.url}/attachments/01a1fb65-08c0-765b-84f5-8387cfd886fe/x.txt`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { status, headers, errors } = answer;
    expect({ name, status, download: download.status }).toEqual({ name, status: 401, download: 401 });
    const [detail] = errors?.[0]?.extensions.details ?? [];
    const message = 'A valid credential is needed.';
    expect(errors).toEqual([{ message, extensions: { code: 'UNAUTHENTICATED', details: [detail] } }]);
    expect(headers.get('www-authenticate')).toBe(
      `Bearer realm="claimcheck", error="invalid_token", error_description="${detail?.msg}", Basic realm="claimcheck"`,
    );
    expect(detail?.msg).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
    expect({ name, type: detail?.type }).toEqual({ name, type: reasons[name] ?? detail?.type });
  }
  return Object.keys(abuses).length;
}

const withBadClaims = (signed: (payload: Record<string, unknown>) => Promise<string>): Abuses =>
  Object.fromEntries(
    Object.entries(badClaims).map(([name, changes]) => [name, () => signed(claims(changes))]),
  );

const names = { JWT_ISSUER: issuer, JWT_AUDIENCE: audience };

describe('bad tokens are refused, and told why', () => {
  let rsa: IssuerKey;
  let stranger: IssuerKey;
  let jwks: JwksServer;
  beforeAll(async () => {
    [rsa, stranger] = await Promise.all([newIssuerKey('one'), newIssuerKey('one')]);
    jwks = await startJwksServer(rsa);
  });
  afterAll(() => jwks[Symbol.asyncDispose]());

  test('if tokens are signed with a secret', async () => {
    await using service = await startService({ JWT_SECRET: secret, ...names });
    const good = await sign();
    expect((await new Client(service.url, good).graphql('{ viewer { organizationId } }')).status).toBe(200);
    const [header = '', payload = '', signature = ''] = good.split('.');
    const hs512 = () => new SignJWT(claims()).setProtectedHeader({ alg: 'HS512' }).sign(secretKey);
    const count = await refusals(service, {
      ...withBadClaims(sign),
      'alg none': () => joined({ alg: 'none' }, claims(), ''),
      'alg none with a signature': () => joined({ alg: 'none' }, claims(), signature),
      'alg None': () => joined({ alg: 'None' }, claims(), signature),
      'no alg': () => joined({}, claims(), signature),
      'another algorithm': hs512,
      'signed with a public key': () => signWith(rsa),
      'another secret': () =>
        new SignJWT(claims()).setProtectedHeader({ alg: 'HS256' }).sign(new Uint8Array(32)),
      'first byte of the signature': () => changedSignature(good, 0),
      'spare bits of the signature': () => changedSignature(good, -1),
      'other claims under the signature': () =>
        `${header}.${Buffer.from(JSON.stringify(claims({ sub: 'eve' }))).toString('base64url')}.${signature}`,
      'no signature': () => `${header}.${payload}.`,
      'two parts': () => `${header}.${payload}`,
      'four parts': () => `${good}.${signature}`,
      'five parts': () => `${good}.${signature}.${signature}`,
      padded: () => `${good}=`,
      'a header that is no JSON': () => `eyJ.${payload}.${signature}`,
      'a header that is an array': () => joined(['HS256'], claims(), signature),
      'claims that are no object': () => joined({ alg: 'HS256' }, 'ada', signature),
      garbage: () => 'garbage',
      dots: () => '..',
      'a crit header': () => sign(claims(), { crit: ['b64'], b64: true }),
      'an unknown crit header': () => signedByHand({ alg: 'HS256', crit: ['exp'] }, claims()),
      'an embedded key': () => sign(claims(), { jwk: rsa.publicJwk }),
      'an address of keys': () => sign(claims(), { jku: jwks.url }),
      'a huge token': () => sign(claims({ filler: 'x'.repeat(9_000) })),
    });
    report(`${count} bad tokens under a secret: all 401`);
  });

  test('if tokens are signed with public keys', async () => {
    const ec = await newIssuerKey('two', 'ES256');
    jwks.publish(rsa, ec);
    await using service = await startService({ JWT_JWKS_URL: jwks.url, ...names });
    const good = await signWith(rsa);
    expect((await new Client(service.url, good).graphql('{ viewer { organizationId } }')).status).toBe(200);
    const pem = await exportSPKI(rsa.publicKey);
    const weaker = await newIssuerKey('one', 'RS512');
    const count = await refusals(service, {
      ...withBadClaims((payload) => signWith(rsa, payload)),
      'alg none': () => joined({ alg: 'none', kid: 'one' }, claims(), ''),
      'the public key as a secret': () => signedByHand({ alg: 'HS256', kid: 'one' }, claims(), pem),
      'its JWK as a secret': () =>
        signedByHand({ alg: 'HS256', kid: 'one' }, claims(), JSON.stringify(rsa.publicJwk)),
      'its modulus as a secret': () =>
        signedByHand({ alg: 'HS256', kid: 'one' }, claims(), Buffer.from(rsa.publicJwk.n ?? '', 'base64url')),
      "a stranger's key of that name": () => signWith(stranger),
      "a stranger's key, embedded": () => signWith(stranger, claims(), { jwk: stranger.publicJwk }),
      'its own key, embedded': () => signWith(rsa, claims(), { jwk: rsa.publicJwk }),
      'its own address of keys': () => signWith(rsa, claims(), { jku: jwks.url }),
      'an address of certificates': () => signWith(rsa, claims(), { x5u: jwks.url }),
      'an unknown key': () => signWith({ ...rsa, kid: 'three' }),
      "another's name": () => signWith({ ...rsa, kid: 'two' }),
      'another algorithm': () => signWith(weaker),
      'a crit header': () => signWith(rsa, claims(), { crit: ['b64'], b64: true }),
      'first byte of the signature': () => changedSignature(good, 0),
      'spare bits of the signature': () => changedSignature(good, -1),
      'a huge token': () => signWith(rsa, claims({ filler: 'x'.repeat(9_000) })),
    });
    report(`${count} bad tokens under public keys: all 401; ${jwks.requests()} fetches of the keys`);
    expect(service.logLines.join('')).not.toContain(good);
  });
});

test('why tokens are refused is logged once for each reason, however many come, and nothing of them', async () => {
  await using service = await startService({ JWT_SECRET: secret, ...names });
  const tokens = await Promise.all(
    ['ada', 'bob', 'eve'].flatMap((sub) => [
      sign(claims({ sub, exp: seconds(-100) })),
      sign(claims({ sub, iss: 'https://evil.example' })),
    ]),
  );
  for (let time = 0; time < 5; time += 1) {
    for (const token of tokens) await new Client(service.url, token).graphql('{ viewer { organizationId } }');
  }
  const told = service.logLines.filter((line) => line.includes('a token was refused'));
  expect(told.map((line) => (JSON.parse(line) as { fault: string }).fault)).toEqual([
    'token_expired',
    'token_issuer',
  ]);
  for (const token of tokens) expect(service.logLines.join('')).not.toContain(token.split('.')[1]);
  expect(service.logLines.join('')).not.toContain('evil.example');
});

/** As `sign`, also where jose would decline. */
function signedByHand(header: unknown, payload: unknown, key: string | Uint8Array = secretKey): string {
  const unsigned = joined(header, payload, '').slice(0, -1);
  return `${unsigned}.${createHmac('sha256', key).update(unsigned).digest('base64url')}`;
}
