import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { createKey, listKeys, statusOf, tryCreateKey, whoAmI } from '../../service/auth/key-operations.js';
import { insertOrganization } from '../../service/live/insert-organization.js';
import { Client } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { newIssuerKey, startJwksServer } from './jwks-server.js';
import { claims, seconds, secret, sign, signWith } from './tokens.js';

const clientOf = async ({ url }: TestService, payload: Record<string, unknown>) =>
  new Client(url, await sign(payload));

describe('JSON Web Tokens under a secret', () => {
  const statementLogger = new StatementCounter();
  let aheadMs = 0;
  let service: TestService;
  beforeAll(async () => {
    const clock = () => new Date(Date.now() + aheadMs);
    service = await startService({ JWT_SECRET: secret }, { statementLogger, clock });
  });
  afterAll(() => service.close());

  test('make a viewer, whose uploads are its own, in its organization', async () => {
    const ada = await clientOf(service, claims());
    const bob = await clientOf(service, claims({ sub: 'bob', name: undefined }));
    const eve = await clientOf(service, claims({ org: 'org-b' }));
    expect(await whoAmI(ada)).toEqual({
      principal: { id: 'ada', kind: 'USER', name: 'Ada' },
      organizationId: 'org-a',
      permissions: ['attachments:read', 'attachments:write'],
    });
    expect((await whoAmI(bob)).principal).toEqual({ id: 'bob', kind: 'USER', name: null });
    const attachment = await ada.upload({ content: 'x' });
    expect(attachment).toMatchObject({
      organizationId: 'org-a',
      documentKey: expect.stringMatching(/^[\d-]{10}\/\d\d\/org-a\/[0-9a-f-]{36}$/),
      createdBy: { id: 'ada', kind: 'USER', name: 'Ada' },
    });
    const statuses = async (path: string) =>
      Promise.all([ada, bob, eve, service.client].map(async (one) => (await one.download(path)).status));
    expect(await statuses(attachment.url)).toEqual([200, 404, 404, 404]);
    const claimed = await ada.upload({ content: 'y' }, { record: { type: 'T', id: '1' } });
    expect(await statuses(claimed.url)).toEqual([200, 200, 404, 404]);
    expect(await (await bob.download(claimed.url)).text()).toBe('y');
  });

  test.each([
    [
      { permissions: undefined, scope: 'openid attachments:read  keys:admin' },
      ['attachments:read', 'keys:admin'],
    ],
    [{ permissions: [], scope: 'attachments:read' }, []],
    [{ permissions: undefined }, []],
    [{ permissions: 'attachments:read attachments:write' }, ['attachments:read', 'attachments:write']],
    [{ permissions: ' attachments:read\tkeys:admin\n' }, ['attachments:read', 'keys:admin']],
    [{ permissions: null, scope: ['attachments:read'] }, ['attachments:read']],
    [
      { permissions: null, scope: ['openid attachments:read', 'keys:admin\tattachments:write'] },
      ['attachments:read', 'attachments:write', 'keys:admin'],
    ],
    [{ permissions: [' attachments:read  x '], scope: null }, ['attachments:read']],
    [{ permissions: undefined, scope: null, scp: ['attachments:write', 'x'] }, ['attachments:write']],
    [{ permissions: null, scope: undefined, scp: 'attachments:read openid' }, ['attachments:read']],
    [{ permissions: null, scope: null, scp: null }, []],
    [{ permissions: '', scope: 'attachments:read' }, []],
    [{ permissions: undefined, scope: 'attachments:read', scp: 7 }, ['attachments:read']],
    [{ permissions: undefined, scope: [['attachments:read'], { a: 1 }] }, []],
    [{ permissions: ['attachments:read', 7, null, 'other'] }, ['attachments:read']],
  ])('%j permits %j', async (changes, permissions) => {
    const viewer = await whoAmI(await clientOf(service, claims(changes)));
    expect(viewer.permissions).toEqual(permissions);
  });

  test.each(['A', 'org_2abcDEF.x-y', '7', 'x'.repeat(36), '01a1fb65-08c0-765b-84f5-8387cfd886fe'])(
    'the organization %s can store and fetch',
    async (org) => {
      const client = await clientOf(service, claims({ org }));
      expect((await whoAmI(client)).organizationId).toBe(org);
      const { url, id } = await client.upload({ content: org });
      expect(await (await client.download(url)).text()).toBe(org);
      await client.ask(
        'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
        { id },
      );
    },
  );

  test('a UUID is the same organization in upper case, and is the one that keys are of', async () => {
    const { organizationId } = await whoAmI(service.client);
    const client = await clientOf(service, claims({ org: organizationId.toUpperCase() }));
    expect((await whoAmI(client)).organizationId).toBe(organizationId);
  });

  test('any issuer and audience are good where none is set; scheme Basic is not', async () => {
    const token = await sign(claims({ iss: 'x', aud: ['y'] }));
    expect(await statusOf(new Client(service.url, token))).toBe(200);
    const basic = await new Client(service.url, null).download('/attachments/x/y', {
      authorization: `Basic ${token}`,
    });
    expect(basic.status).toBe(401);
  });

  test('clocks may differ by less than a minute', async () => {
    expect(await statusOf(await clientOf(service, claims({ exp: seconds(-55) })))).toBe(200);
    expect(await statusOf(await clientOf(service, claims({ nbf: seconds(55) })))).toBe(200);
  });

  test('a token is remembered, without a write and not beyond its end', async () => {
    const token = await sign(claims({ sub: 'grace', exp: seconds(-58) }));
    const client = new Client(service.url, token);
    expect(await statusOf(client)).toBe(200);
    const statements = await statementLogger.during(async () => {
      for (let time = 0; time < 20; time += 1) await statusOf(client);
    });
    // The cleaning that each start begins with may still be under way.
    expect(statements.filter((sql) => /principals|organizations|api_keys/.test(sql))).toEqual([]);
    aheadMs = 3_000;
    expect(await statusOf(client)).toBe(401);
    aheadMs = 0;
  });

  test('a new name is taken over, an absent one leaves the old', async () => {
    const first = await clientOf(service, claims({ sub: 'mary', name: 'Mary' }));
    const { id } = await first.upload({ content: 'x' }, { record: { type: 'T', id: '2' } });
    const query = 'query ($id: ID!) { attachment(id: $id) { createdBy { name } } }';
    const creator = async () => {
      const { attachment } = await first.ask<{ attachment: { createdBy: { name: string } } }>(query, { id });
      return attachment.createdBy.name;
    };
    await statusOf(await clientOf(service, claims({ sub: 'mary', name: undefined })));
    expect(await creator()).toBe('Mary');
    await statusOf(await clientOf(service, claims({ sub: 'mary', name: 'Mary S.' })));
    expect(await creator()).toBe('Mary S.');
  });

  test("a token with a service account's id is refused", async () => {
    const { apiKey } = await createKey(service.client);
    const { organizationId } = await whoAmI(service.client);
    const client = await clientOf(service, claims({ sub: apiKey.principal.id, org: organizationId }));
    expect(await statusOf(client)).toBe(401);
  });

  test('a user makes keys, of its organization and with its own permissions only', async () => {
    const admin = await clientOf(
      service,
      claims({ permissions: ['keys:admin', 'attachments:read'], org: 'org-k' }),
    );
    const { client } = await createKey(admin);
    expect((await whoAmI(client)).organizationId).toBe('org-k');
    expect((await listKeys(admin)).totalCount).toBe(1);
    const refused = await tryCreateKey(admin, { permissions: ['attachments:write'] });
    expect(refused.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  });

  test('many first requests at once make one user', async () => {
    const client = await clientOf(service, claims({ sub: 'many', org: 'org-many' }));
    const statuses = await Promise.all(Array.from({ length: 20 }, () => statusOf(client)));
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  test('are not taken where nothing says how to verify them', async () => {
    await using off = await startService();
    expect(await statusOf(await clientOf(off, claims()))).toBe(401);
  });
});

describe('an organization that nobody has made', () => {
  const organizationOf = async (client: Client) => {
    const answer = await client.graphql<{ viewer: { organizationId: string } }>(
      '{ viewer { organizationId } }',
    );
    return answer.data?.viewer.organizationId ?? answer.errors?.[0]?.extensions.details[0]?.type;
  };
  const made = ({ logLines }: TestService) =>
    logLines.filter((line) => line.includes('a token has made an organization')).length;

  test('comes to be by its first token where the setting says so, and the log tells it once', async () => {
    await using service = await startService({ JWT_SECRET: secret, JWT_CREATE_ORGANIZATIONS: 'true' });
    for (const sub of ['ada', 'bob', 'ada'])
      expect(await organizationOf(await clientOf(service, claims({ sub, org: 'new' })))).toBe('new');
    expect(made(service)).toBe(1);
    expect(service.logLines.join('')).toContain('"organizationId":"new"');
  });

  test('does not otherwise; one that a key is of is known, and one that is made later is good at once', async () => {
    await using service = await startService({ JWT_SECRET: secret, JWT_CREATE_ORGANIZATIONS: 'false' });
    const { organizationId } = await whoAmI(service.client);
    const stranger = await clientOf(service, claims({ org: 'new' }));
    expect(await organizationOf(stranger)).toBe('token_organization_unknown');
    expect(await statusOf(stranger)).toBe(401);
    expect(await organizationOf(await clientOf(service, claims({ org: organizationId })))).toBe(
      organizationId,
    );
    await insertOrganization(service.dataDirectory, 'new');
    expect(await organizationOf(stranger)).toBe('new');
    expect(made(service)).toBe(0);
  });
});

describe('JSON Web Tokens under public keys', () => {
  test.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('are good with %s', async (alg) => {
    const key = await newIssuerKey('one', alg);
    await using jwks = await startJwksServer(key);
    await using service = await startService({ JWT_JWKS_URL: jwks.url });
    expect(await statusOf(new Client(service.url, await signWith(key)))).toBe(200);
  });

  test('keys are fetched once, and again when they are rotated', async () => {
    const [old, next] = await Promise.all([newIssuerKey('old'), newIssuerKey('new')]);
    await using jwks = await startJwksServer(old);
    await using service = await startService({ JWT_JWKS_URL: jwks.url });
    for (const sub of ['a', 'b', 'c']) {
      expect(await statusOf(new Client(service.url, await signWith(old, claims({ sub }))))).toBe(200);
    }
    expect(jwks.requests()).toBe(1);
    await sleep(1_100);
    jwks.publish(next);
    expect(await statusOf(new Client(service.url, await signWith(next)))).toBe(200);
    expect(await statusOf(new Client(service.url, await signWith(old, claims({ sub: 'd' }))))).toBe(401);
    expect(jwks.requests()).toBe(2);
  });

  test('a token without kid is good if one key alone fits its algorithm', async () => {
    const [one, other, elliptic] = await Promise.all([
      newIssuerKey('one'),
      newIssuerKey('other'),
      newIssuerKey('elliptic', 'ES256'),
    ]);
    await using jwks = await startJwksServer(one, elliptic);
    await using service = await startService({ JWT_JWKS_URL: jwks.url });
    const nameless = (sub: string) =>
      new SignJWT(claims({ sub })).setProtectedHeader({ alg: one.alg }).sign(one.privateKey);
    expect(await statusOf(new Client(service.url, await nameless('a')))).toBe(200);
    jwks.publish(one, other);
    await sleep(1_100);
    expect(await statusOf(new Client(service.url, await signWith(other)))).toBe(200);
    expect(await statusOf(new Client(service.url, await nameless('b')))).toBe(401);
    expect(await statusOf(new Client(service.url, await signWith(one, claims({ sub: 'c' }))))).toBe(200);
  });

  test('while the keys cannot be fetched a token is neither good nor bad: 503, and no failed login; one that is over is bad', async () => {
    const key = await newIssuerKey('one');
    await using jwks = await startJwksServer(key);
    jwks.hang();
    await using service = await startService({ JWT_JWKS_URL: jwks.url, FAILED_LOGINS_PER_MINUTE: '3' });
    const token = await signWith(key);
    const statuses = [1, 2, 3].map(() => statusOf(new Client(service.url, token)));
    expect(await statusOf(service.client)).toBe(200);
    expect(await Promise.all(statuses)).toEqual([503, 503, 503]);
    expect(jwks.requests()).toBe(1);
    expect(service.logLines.join('')).toContain('no keys to verify tokens with');
    const over = await signWith(key, claims({ exp: Math.floor(Date.now() / 1_000) - 61 }));
    expect(await statusOf(new Client(service.url, over))).toBe(401);
    jwks.publish(key);
    expect(await statusOf(new Client(service.url, token))).toBe(200);
  });

  test('keys of more than 1 MiB are not read to their end, and count as not to be had', async () => {
    const key = await newIssuerKey('one');
    await using jwks = await startJwksServer(key);
    const taken = jwks.pad(256 * 1024 * 1024);
    await using service = await startService({ JWT_JWKS_URL: jwks.url });
    const token = await signWith(key);
    expect(await statusOf(new Client(service.url, token))).toBe(503);
    expect(taken()).toBeLessThan(32 * 1024 * 1024);
    expect(service.logLines.join('')).toContain('The keys have more than 1048576 bytes.');
    jwks.pad(1_000_000);
    await sleep(1_100);
    expect(await statusOf(new Client(service.url, token))).toBe(200);
  });
});
