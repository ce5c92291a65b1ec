import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { queryTestDatabase } from '../../support/test-database.js';
import { createKey, tryRevokeKey } from '../auth/key-operations.js';
import { GatedScanner } from '../verdicts/gated-scanner.js';
import { linkOf, share, shareLinkFields, statusOf, tryRevoke, tryShare } from './share-operations.js';

const content = 'ten bytes.';
const record = { type: 'Case', id: '7' };
const scanner = new GatedScanner();
let now = Date.now();
let service: TestService;
let client: Client;
beforeAll(async () => {
  service = await startService({}, { clock: () => new Date(now), scanner });
  client = service.client;
});
afterAll(() => service.close());

async function upload(by = client, fileName = 'report.txt'): Promise<string> {
  return (await by.upload({ content, name: fileName }, { record })).id;
}

async function approved(by = client, fileName = 'report.txt'): Promise<string> {
  const id = await upload(by, fileName);
  await until(id, 'APPROVED');
  return id;
}

async function until(id: string, status: string): Promise<void> {
  const query = 'query ($id: ID!) { attachment(id: $id) { status } }';
  while ((await client.ask<{ attachment: { status: string } }>(query, { id })).attachment.status !== status)
    await sleep(10);
}

const codeOf = ({
  errors,
}: {
  errors: { extensions: { code: string; details: { type: string }[] } }[] | undefined;
}) => `${errors?.[0]?.extensions.code} ${errors?.[0]?.extensions.details[0]?.type}`;

describe('whoever has the link', () => {
  test('gets the bytes, a name and headers that keep the link from others', async () => {
    const { url } = await share(client, await approved());
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(url, { method });
      expect([answer.status, await answer.text()]).toEqual([200, method === 'GET' ? content : '']);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-disposition': 'attachment; filename=report.txt',
        'content-length': '10',
        'cache-control': 'private, no-cache',
        'x-robots-tag': 'noindex, nofollow',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'content-security-policy': "sandbox; default-src 'none'",
      });
    }
  });

  test('sees a page without script in a browser, whose button leads to the bytes', async () => {
    const { url, shareLink } = await share(client, await approved(client, `a & "b" <i>'c'.txt`));
    const answer = await fetch(url, { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });
    const page = await answer.text();
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page).toContain('a &amp; &quot;b&quot; &lt;i&gt;&#39;c&#39;.txt');
    expect(page).toContain('10 bytes, text/plain');
    expect(page).not.toMatch(/<script|<i>|https?:/);
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(answer.headers.get('x-robots-tag')).toBe('noindex, nofollow');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect((await linkOf(client, shareLink.id))?.downloads).toBe(0);
    const [, href = ''] = /href="([^"]+)"/.exec(page) ?? [];
    const file = await fetch(new URL(href, url), { headers: { accept: 'text/html' } });
    expect([file.status, await file.text()]).toEqual([200, content]);
    expect((await linkOf(client, shareLink.id))?.downloads).toBe(1);
  });

  test('gets ranges, of which those from the first byte on count', async () => {
    const { url, shareLink } = await share(client, await approved());
    const ranges = { 'bytes=4-8': 206, 'bytes=0-3': 206, 'bytes=-2': 206, 'bytes=10-': 416 };
    for (const [range, status] of Object.entries(ranges))
      expect([range, await statusOf(url, { range })]).toEqual([range, status]);
    const etag = (await fetch(url, { method: 'HEAD' })).headers.get('etag') ?? '';
    expect(await statusOf(url, { 'if-none-match': etag, 'cache-control': 'max-age=0' })).toBe(304);
    expect(await linkOf(client, shareLink.id)).toMatchObject({
      downloads: 1,
      lastUsedAt: expect.any(String),
    });
  });

  test('does without a good verdict until there is one', async () => {
    scanner.shut();
    const id = await upload();
    const { url, shareLink } = await share(client, id);
    expect(await statusOf(url)).toBe(409);
    scanner.open();
    await until(id, 'APPROVED');
    expect(await statusOf(url)).toBe(200);
    expect((await linkOf(client, shareLink.id))?.downloads).toBe(1);
  });
});

describe('a link is over', () => {
  const isOver = async (url: string) => {
    for (const method of ['GET', 'HEAD']) expect((await fetch(url, { method })).status).toBe(410);
    expect(await statusOf(url, { range: 'bytes=4-8' })).toBe(410);
    const answer = await fetch(url);
    const { errors } = (await answer.json()) as { errors: { extensions: object }[] };
    expect(errors[0]?.extensions).toMatchObject({
      code: 'NOT_FOUND',
      details: [{ loc: ['url'], type: 'share_link_over' }],
    });
    const page = await fetch(url, { headers: { accept: 'text/html' } });
    expect([page.status, await page.text()]).toEqual([
      410,
      expect.stringContaining('does not work any more'),
    ]);
  };

  test('once it is revoked, and again changes nothing', async () => {
    const { url, shareLink } = await share(client, await approved());
    const { data } = await tryRevoke(client, shareLink.id);
    const revokedAt = data?.revokeShareLink?.shareLink.revokedAt;
    expect(revokedAt).toEqual(new Date(now).toISOString());
    await isOver(url);
    now += 1_000;
    expect((await tryRevoke(client, shareLink.id)).data?.revokeShareLink?.shareLink.revokedAt).toBe(
      revokedAt,
    );
  });

  test('at its end, to the millisecond', async () => {
    const { url } = await share(client, await approved(), { expiresAt: new Date(now + 5_000).toISOString() });
    now += 4_999;
    expect(await statusOf(url)).toBe(200);
    now += 1;
    await isOver(url);
  });

  test('after so many downloads, and a range beyond what they brought is one', async () => {
    const { url, shareLink } = await share(client, await approved(), { maxDownloads: 2 });
    const statuses: number[] = [];
    const downloads: (number | undefined)[] = [];
    for (let time = 0; time < 4; time += 1) {
      statuses.push(await statusOf(url, { range: 'bytes=1-' }));
      downloads.push((await linkOf(client, shareLink.id))?.downloads);
    }
    // The second one goes on with the first, which was counted. The third is another download.
    expect(statuses).toEqual([206, 206, 206, 410]);
    expect(downloads).toEqual([1, 1, 2, 2]);
    await isOver(url);
    expect((await linkOf(client, shareLink.id))?.downloads).toBe(2);
  });

  test('after one download, but not after a glance at its beginning', async () => {
    const { id } = await client.upload({ content: Buffer.alloc(64_000, 'x'), name: 'large.bin' }, { record });
    await until(id, 'APPROVED');
    const { url, shareLink } = await share(client, id, { maxDownloads: 1 });
    const downloads = async (range?: string) => [
      await statusOf(url, range === undefined ? {} : { range }),
      (await linkOf(client, shareLink.id))?.downloads,
    ];
    // A 16th of it is 4,000 bytes, for all glances together.
    expect(await downloads('bytes=0-0')).toEqual([206, 0]);
    expect(await downloads('bytes=0-1999')).toEqual([206, 0]);
    expect(await downloads('bytes=63000-')).toEqual([206, 0]);
    expect(await downloads()).toEqual([200, 1]);
    await isOver(url);
    const another = await share(client, id, { maxDownloads: 1 });
    expect(await statusOf(another.url, { range: 'bytes=0-3999' })).toBe(206);
    expect((await linkOf(client, another.shareLink.id))?.downloads).toBe(0);
    expect(await statusOf(another.url, { range: 'bytes=0-0' })).toBe(206);
    expect((await linkOf(client, another.shareLink.id))?.downloads).toBe(1);
    await isOver(another.url);
  });

  test('with the deletion of what it shares', async () => {
    const id = await approved();
    const { url, shareLink } = await share(client, id);
    await client.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { __typename } }',
      { id },
    );
    await isOver(url);
    expect(await linkOf(client, shareLink.id)).toBeNull();
    expect(codeOf(await tryRevoke(client, shareLink.id))).toBe('NOT_FOUND not_found');
  });

  test('with a rejection, after which no link is made', async () => {
    const id = await approved();
    const { url } = await share(client, id);
    scanner.outcome = { outcome: 'infected', signature: 'x' };
    await client.ask(
      'mutation ($id: ID!) { rescanAttachment(input: { attachmentId: $id }) { __typename } }',
      { id },
    );
    await until(id, 'REJECTED');
    scanner.outcome = null;
    await isOver(url);
    expect(codeOf(await tryShare(client, id))).toBe('NOT_APPROVED rejected');
  });

  test('with the key that has made it, revoked or expired, and no other is', async () => {
    const id = await approved();
    const permissions = ['attachments:read', 'attachments:write'];
    const revoked = await createKey(client, { permissions });
    const expiring = await createKey(client, {
      permissions,
      expiresAt: new Date(now + 60_000).toISOString(),
    });
    const [own, other] = [await share(revoked.client, id), await share(client, id)];
    const ending = await share(expiring.client, id);
    expect([await statusOf(own.url), await statusOf(ending.url)]).toEqual([200, 200]);
    await tryRevokeKey(client, revoked.apiKey.id);
    await isOver(own.url);
    now += 60_000;
    await isOver(ending.url);
    expect(await statusOf(other.url)).toBe(200);
  });
});

test('50 downloads at once on a link for one: exactly one gets the bytes, each time', async () => {
  const rounds = Number(process.env['ROUNDS'] ?? 3);
  const counts = new Map<number, number>();
  for (let round = 0; round < rounds; round += 1) {
    const { url, shareLink } = await share(client, await approved(), { maxDownloads: 1 });
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const answer = await fetch(url);
        return [answer.status, await answer.text()] as const;
      }),
    );
    expect(answers.filter(([, text]) => text === content)).toHaveLength(1);
    for (const [status] of answers) counts.set(status, (counts.get(status) ?? 0) + 1);
    expect((await linkOf(client, shareLink.id))?.downloads).toBe(1);
  }
  expect(Object.fromEntries(counts)).toEqual({ 200: rounds, 410: 49 * rounds });
  report(`${rounds} rounds of 50 downloads on a link for one: ${JSON.stringify([...counts])}`);
});

test('a revocation beside 20 downloads: those that come after it get nothing', async () => {
  const { url, shareLink } = await share(client, await approved());
  const statuses = Promise.all(Array.from({ length: 20 }, () => statusOf(url)));
  await tryRevoke(client, shareLink.id);
  expect(await statusOf(url)).toBe(410);
  const got = (await statuses).filter((status) => status === 200).length;
  expect((await linkOf(client, shareLink.id))?.downloads).toBe(got);
});

test('an unknown token is 404, whatever its form', async () => {
  const { url } = await share(client, await approved());
  const token = url.split('/').at(-1) ?? '';
  const other = token.split('').toReversed().join('');
  for (const wrong of [other, token.slice(1), `${token}A`, `${token}=`, 'x', '%00', 'x'.repeat(5_000)]) {
    const answer = await fetch(`${service.url}/s/${wrong}`);
    expect([wrong, answer.status]).toEqual([wrong, 404]);
    expect(answer.headers.get('x-robots-tag')).toBe('noindex, nofollow');
  }
});

test('the token is kept as a hash alone, and in no line of the log', async () => {
  const { url } = await share(client, await approved());
  const token = url.split('/').at(-1) ?? '';
  expect(Buffer.from(token, 'base64url')).toHaveLength(32);
  await statusOf(url);
  await statusOf(`${url}?download=1`);
  const rows = await queryTestDatabase(service.dataDirectory, 'SELECT * FROM share_links');
  const events = await queryTestDatabase(service.dataDirectory, 'SELECT * FROM audit_events');
  expect(rows.length).toBeGreaterThan(0);
  for (const text of [JSON.stringify(rows), JSON.stringify(events), service.logLines.join('')])
    expect(text).not.toContain(token);
});

describe('a link is made', () => {
  test('with a good input only, and every fault is told', async () => {
    const id = await approved();
    const { errors } = await tryShare(client, id, {
      maxDownloads: 0,
      expiresAt: new Date(now).toISOString(),
    });
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      limit: 2 ** 31 - 1,
      details: [
        { loc: ['input', 'expiresAt'], type: 'not_in_future' },
        { loc: ['input', 'maxDownloads'], type: 'out_of_range' },
      ],
    });
  });

  test('by whoever may write and read', async () => {
    const id = await approved();
    const writer = await newClient(service, { permissions: ['attachments:write'] });
    const reader = await newClient(service, { permissions: ['attachments:read'] });
    expect(codeOf(await tryShare(writer, id))).toBe('FORBIDDEN missing_permission');
    expect(codeOf(await tryShare(reader, id))).toBe('FORBIDDEN missing_permission');
  });

  test('by whoever sees the file: an unclaimed file is its creator’s alone', async () => {
    const colleague = await newClient(service);
    const { id } = await client.upload({ content, name: 'own.txt' });
    expect(codeOf(await tryShare(colleague, id))).toBe('NOT_FOUND not_found');
    const { shareLink } = await share(client, id);
    expect(codeOf(await tryRevoke(colleague, shareLink.id))).toBe('NOT_FOUND not_found');
    expect(await linkOf(colleague, shareLink.id)).toBeNull();
  });

  test('and listed, the newest first, for whoever sees the file', async () => {
    const id = await approved();
    const made: string[] = [];
    for (let count = 0; count < 5; count += 1) made.unshift((await share(client, id)).shareLink.id);
    const colleague = await newClient(service);
    const list = async (page: string) => {
      const { attachment } = await colleague.ask<{
        attachment: {
          shareLinks: { nodes: { id: string }[]; totalCount: number; pageInfo: { endCursor: string } };
        };
      }>(
        `query ($id: ID!) { attachment(id: $id) { shareLinks(${page}) { nodes { ${shareLinkFields} } totalCount
          pageInfo { hasNextPage hasPreviousPage endCursor } } } }`,
        { id },
      );
      return attachment.shareLinks;
    };
    const first = await list('first: 2');
    expect(first).toMatchObject({ totalCount: 5, pageInfo: { hasNextPage: true, hasPreviousPage: false } });
    const rest = await list(`first: 3, after: "${first.pageInfo.endCursor}"`);
    expect(rest).toMatchObject({ pageInfo: { hasNextPage: false, hasPreviousPage: true } });
    expect([...first.nodes, ...rest.nodes].map((node) => node.id)).toEqual(made);
    expect((await list('last: 2')).nodes.map((node) => node.id)).toEqual(made.slice(3));
  });
});

test('the audit log says who made and ended a link, and which one a download came by', async () => {
  const id = await approved();
  const { url, shareLink } = await share(client, id, { maxDownloads: 3 });
  await statusOf(url);
  await tryRevoke(client, shareLink.id);
  const actions = '[SHARE_LINK_CREATED, SHARE_LINK_REVOKED, ATTACHMENT_DOWNLOADED]';
  const read = async () => {
    const { auditLog } = await client.ask<{ auditLog: { nodes: { action: string; details: object }[] } }>(
      `query ($id: ID!) { auditLog(filter: { attachmentId: $id, action: ${actions} }) { nodes {
        action attachmentId details principal { id } } } }`,
      { id },
    );
    return auditLog.nodes;
  };
  while ((await read()).length < 3) await sleep(50);
  const byAction = Object.fromEntries((await read()).map((event) => [event.action, event]));
  const { createdBy } = shareLink;
  expect(byAction).toMatchObject({
    SHARE_LINK_CREATED: {
      attachmentId: id,
      principal: createdBy,
      details: { shareLinkId: shareLink.id, maxDownloads: 3 },
    },
    SHARE_LINK_REVOKED: { attachmentId: id, principal: createdBy, details: { shareLinkId: shareLink.id } },
    ATTACHMENT_DOWNLOADED: {
      principal: null,
      details: { by: 'SHARE_LINK', shareLinkId: shareLink.id, madeBy: createdBy.id },
    },
  });
});

test('with SHARE_LINKS=false none is made, and none works; revoking does', async () => {
  const { url, shareLink } = await share(client, await approved());
  const env = { DATA_DIR: service.dataDirectory, BOOTSTRAP_API_KEY: service.key, SHARE_LINKS: 'false' };
  await using other = await startService(env, { clock: () => new Date(now) });
  expect(await statusOf(url.replace(service.url, other.url))).toBe(404);
  expect(codeOf(await tryShare(other.client, await approved()))).toBe('FORBIDDEN share_links_off');
  expect((await tryRevoke(other.client, shareLink.id)).errors).toBeUndefined();
  expect(await statusOf(url)).toBe(410);
});

test('requests by links count for their address', async () => {
  const env = { ANONYMOUS_RATE_LIMIT_PER_MINUTE: '3' };
  await using other = await startService(env);
  const { id } = await other.client.upload({ content, name: 'a.txt' });
  const { url } = await share(other.client, id);
  const statuses: number[] = [];
  for (let time = 0; time < 4; time += 1) statuses.push(await statusOf(url));
  expect(statuses).toEqual([200, 200, 200, 429]);
});
