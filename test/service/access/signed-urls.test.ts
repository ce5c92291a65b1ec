import { setTimeout as sleep } from 'node:timers/promises';
import { startService, type TestService } from '../../support/service.js';
import { GatedScanner } from '../verdicts/gated-scanner.js';

const content = 'ten bytes.';
const secrets = { old: 'the-old-secret-of-ours', new: 'the-new-secret-of-ours' };
const scanner = new GatedScanner();
let now = Date.parse('2026-03-04T05:06:07Z');
const clock = () => new Date(now);
let service: TestService;
beforeAll(async () => {
  service = await startService({ SIGNING_SECRET: secrets.old }, { clock, scanner });
});
afterAll(() => service.close());

interface Approved {
  id: string;
  fileName: string;
  url: string;
  downloadUrl: string | null;
}

/** A file, once it is approved, with a signed URL. */
async function approved(text = content): Promise<Approved & { downloadUrl: string }> {
  const { id } = await service.client.upload({ content: text, name: 'report 1.txt' });
  for (let round = 0; round < 200; round += 1) {
    const { attachment } = await service.client.ask<{ attachment: Approved }>(
      'query ($id: ID!) { attachment(id: $id) { id fileName url downloadUrl(expiresIn: 60) } }',
      { id },
    );
    if (attachment.downloadUrl !== null) return { ...attachment, downloadUrl: attachment.downloadUrl };
    await sleep(25);
  }
  throw new Error('It was not approved.');
}

const change = (url: string, parameter: string, value: string) => {
  const changed = new URL(url);
  changed.searchParams.set(parameter, value);
  return changed.href;
};
const signatureOf = (url: string) => new URL(url).searchParams.get('signature') ?? '';

describe('a signed URL is good for one file, one disposition and one span of time', () => {
  let file: Awaited<ReturnType<typeof approved>>;
  let other: Awaited<ReturnType<typeof approved>>;
  beforeAll(async () => {
    [file, other] = [await approved(), await approved('other text')];
  });

  const alterations: [string, () => string][] = [
    ['another id', () => file.downloadUrl.replace(file.id, other.id)],
    ['another disposition', () => change(file.downloadUrl, 'disposition', 'INLINE')],
    ['an unknown disposition', () => change(file.downloadUrl, 'disposition', 'BOTH')],
    ['a later end', () => change(file.downloadUrl, 'expires', `${now + 3_600_000}`)],
    ['an earlier end', () => change(file.downloadUrl, 'expires', `${now + 1}`)],
    ['an end with a sign', () => change(file.downloadUrl, 'expires', `+${now + 60_000}`)],
    ['no end', () => file.downloadUrl.replace(/expires=\d+&/, '')],
    ['another parameter', () => `${file.downloadUrl}&download=1`],
    ['the signature of another', () => change(file.downloadUrl, 'signature', signatureOf(other.downloadUrl))],
    ['a shorter signature', () => file.downloadUrl.slice(0, -1)],
    ['a longer signature', () => `${file.downloadUrl}A`],
    ['a signature of nothing', () => change(file.downloadUrl, 'signature', '')],
    ['a very long signature', () => change(file.downloadUrl, 'signature', 'A'.repeat(9_000))],
    ['a signature twice', () => `${file.downloadUrl}&signature=${signatureOf(file.downloadUrl)}`],
  ];

  test.each(alterations)('%s: 403, to GET and HEAD, and not a byte', async (_, alter) => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(alter(), { method });
      expect([method, answer.status]).toEqual([method, 403]);
      expect(await answer.text()).not.toContain(content);
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
  });

  test('with another name, none, or a path that goes on: the same file under its own name', async () => {
    for (const name of ['Report%201.txt', '', 'report%201.txt/x']) {
      const answer = await fetch(file.downloadUrl.replace('report%201.txt', name));
      expect([name, answer.status, await answer.text()]).toEqual([name, 200, content]);
      expect(answer.headers.get('content-disposition')).toBe('attachment; filename="report 1.txt"');
    }
  });

  test('as it is: 200 to GET and HEAD, 206 for a range, 416 past its end', async () => {
    const get = (headers: Record<string, string> = {}, method = 'GET') =>
      fetch(file.downloadUrl, { method, headers });
    const whole = await get();
    expect([whole.status, await whole.text()]).toEqual([200, content]);
    const head = await get({}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10', '']);
    const part = await get({ range: 'bytes=4-8' });
    expect([part.status, await part.text(), part.headers.get('content-range')]).toEqual([
      206,
      'bytes',
      'bytes 4-8/10',
    ]);
    expect((await get({ range: 'bytes=10-' })).status).toBe(416);
    const behind = await get({ range: 'bytes=10-' });
    expect([behind.headers.get('content-range'), await behind.json()]).toEqual([
      'bytes */10',
      {
        errors: [
          {
            message: expect.any(String),
            extensions: {
              code: 'BAD_USER_INPUT',
              limit: 10,
              details: [
                { loc: ['headers', 'range'], msg: expect.any(String), type: 'range_not_satisfiable' },
              ],
            },
          },
        ],
      },
    ]);
    for (const [name, value] of [
      ['if-match', '"other"'],
      ['if-unmodified-since', 'Thu, 20 Nov 2014 10:00:00 GMT'],
    ] as const) {
      const changed = await get({ [name]: value });
      expect([changed.status, await changed.json()]).toMatchObject([
        412,
        {
          errors: [
            {
              extensions: {
                code: 'BAD_USER_INPUT',
                details: [{ loc: ['headers', name], type: 'precondition_failed' }],
              },
            },
          ],
        },
      ]);
    }
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect([404, 405]).toContain((await get({}, method)).status);
    }
  });

  test('until it ends, to the millisecond', async () => {
    const start = now;
    const end = Number(new URL(file.downloadUrl).searchParams.get('expires')) * 1_000;
    expect(end - start).toBeGreaterThanOrEqual(60_000);
    now = end - 1;
    expect((await fetch(file.downloadUrl)).status).toBe(200);
    now = end;
    const late = await fetch(file.downloadUrl);
    expect(late.status).toBe(403);
    expect(await late.text()).toContain('signature_expired');
    now = start;
  });

  test.each([0, -1, 604_801])('one of %s seconds is not made', async (expiresIn) => {
    const { errors } = await service.client.graphql(
      'query ($id: ID!, $expiresIn: Int!) { attachment(id: $id) { downloadUrl(expiresIn: $expiresIn) } }',
      { id: file.id, expiresIn },
    );
    expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
  });
});

test('a rename leaves the url and the signed URL good, which tell the new name', async () => {
  const { id, url, downloadUrl } = await approved();
  await service.client.ask(
    'mutation ($id: ID!) { updateAttachment(input: { attachmentId: $id, fileName: "other.txt" }) { attachment { id } } }',
    { id },
  );
  for (const response of [await fetch(downloadUrl), await service.client.download(url)]) {
    expect(response.status).toBe(200);
    expect(response.headers.get('content-disposition')).toBe('attachment; filename=other.txt');
  }
  const again = await service.client.ask<{ attachment: { downloadUrl: string } }>(
    'query ($id: ID!) { attachment(id: $id) { downloadUrl(expiresIn: 60) } }',
    { id },
  );
  expect(new URL(again.attachment.downloadUrl).pathname).toBe(`/attachments/${id}/other.txt`);
});

describe('a signed URL is revoked', () => {
  test('by deletion', async () => {
    const { id, downloadUrl } = await approved();
    await service.client.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
      { id },
    );
    expect((await fetch(downloadUrl)).status).toBe(404);
  });

  test('by a rejection, and nothing else brings the bytes', async () => {
    const { id, downloadUrl } = await approved();
    scanner.outcome = { outcome: 'infected', signature: 'x' };
    await service.client.ask(
      'mutation ($id: ID!) { rescanAttachment(input: { attachmentId: $id }) { attachment { id } } }',
      { id },
    );
    let status = 200;
    for (let round = 0; round < 200 && status === 200; round += 1) {
      await sleep(25);
      status = (await fetch(downloadUrl)).status;
    }
    scanner.outcome = null;
    expect(status).toBe(409);
    expect(await (await fetch(downloadUrl)).text()).toContain('NOT_APPROVED');
  });

  test('by a secret that is not listed any more; until then the old one is good', async () => {
    const { downloadUrl } = await approved();
    const pathAndQuery = downloadUrl.slice(new URL(downloadUrl).origin.length);
    const statusUnder = async (list: string) => {
      const env = { DATA_DIR: service.dataDirectory, BOOTSTRAP_API_KEY: service.key, SIGNING_SECRET: list };
      await using other = await startService(env, { clock });
      return (await fetch(`${other.url}${pathAndQuery}`)).status;
    };
    expect(await statusUnder(`${secrets.new},${secrets.old}`)).toBe(200);
    expect(await statusUnder(`${secrets.old},${secrets.new}`)).toBe(200);
    expect(await statusUnder(secrets.new)).toBe(403);
  });
});
