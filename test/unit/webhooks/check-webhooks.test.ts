import { AttachmentError, Faults } from '../../../src/errors.js';
import type { WebhookSubscription } from '../../../src/verdicts/record-verdict.js';
import {
  type CheckWebhooksDependencies,
  checkWebhooks,
  type ResolveName,
} from '../../../src/webhooks/check-webhooks.js';

const unknown: ResolveName = () => Promise.reject(new Error('unknown name'));
const resolving =
  (...addresses: string[]): ResolveName =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

const strict: CheckWebhooksDependencies = { webhookAllowPrivate: false, resolveName: unknown };
const lenient: CheckWebhooksDependencies = { webhookAllowPrivate: true, resolveName: unknown };

const to = (uri: string): WebhookSubscription => ({ uri, interactions: ['ATTACHMENT_APPROVED'] });

async function faultsOf(
  deps: CheckWebhooksDependencies,
  webhooks: WebhookSubscription[],
  organizationId = 'acme',
) {
  const faults = new Faults();
  await checkWebhooks(faults, deps, { organizationId }, webhooks, ['input', 'webhooks']);
  try {
    faults.throwIfAny();
    return null;
  } catch (error) {
    if (!(error instanceof AttachmentError)) throw error;
    return { code: error.code, limit: error.limit, details: error.details };
  }
}

const fault = (index: number, field: string, type: string, msg: string) => ({
  loc: ['input', 'webhooks', index, field],
  type,
  msg,
});

test.each([
  ['ftp://example.com/', 'invalid_scheme'],
  ['javascript:alert(1)', 'invalid_scheme'],
  ['file:///etc/passwd', 'invalid_scheme'],
  ['/hook', 'invalid_url'],
  ['http://', 'invalid_url'],
  ['http://300.1.2.3/', 'invalid_url'],
  [`https://example.com/${'x'.repeat(2_048)}`, 'invalid_url'],
  [`https://example.com/${'ä'.repeat(1_000)}`, 'invalid_url'],
  ['https://user@example.com/', 'credentials_in_url'],
  ['https://:secret@example.com/', 'credentials_in_url'],
])('%.60s is refused, whatever may be reached: %s', async (uri, type) => {
  for (const deps of [strict, lenient]) {
    expect(await faultsOf(deps, [to(uri)])).toMatchObject({
      code: 'WEBHOOK_URI_NOT_ALLOWED',
      details: [{ loc: ['input', 'webhooks', 0, 'uri'], type }],
    });
  }
});

test.each(['http://127.0.0.1:1/', 'http://0x7f.1/', 'http://[::ffff:10.0.0.1]/', 'https://localhost/'])(
  '%s is refused unless private addresses are allowed',
  async (uri) => {
    expect(await faultsOf(strict, [to(uri)])).toEqual({
      code: 'WEBHOOK_URI_NOT_ALLOWED',
      limit: undefined,
      details: [fault(0, 'uri', 'address_not_public', 'Must lead to a public address.')],
    });
    expect(await faultsOf(lenient, [to(uri)])).toBeNull();
  },
);

test('a name is refused where any of its addresses is, and passes while nobody knows it', async () => {
  const inside = { ...strict, resolveName: resolving('8.8.8.8', 'fd00::1') };
  expect(await faultsOf(inside, [to('https://example.com/')])).toMatchObject({
    code: 'WEBHOOK_URI_NOT_ALLOWED',
  });
  const outside = { ...strict, resolveName: resolving('8.8.8.8', '2606:4700::1111') };
  expect(await faultsOf(outside, [to('https://example.com/')])).toBeNull();
  expect(await faultsOf(strict, [to('https://example.com/')])).toBeNull();
});

test('name servers of one organization that hang leave those of others a lookup', async () => {
  let answer = () => {};
  const hanging = new Promise<never[]>((resolve) => {
    answer = () => resolve([]);
  });
  const ten = Array.from({ length: 10 }, (_, index) => to(`https://${index}.example.com/`));
  const held = faultsOf({ ...strict, resolveName: () => hanging }, ten, 'hanging');
  const inside = { ...strict, resolveName: resolving('10.0.0.1') };
  expect(await faultsOf(inside, [to('https://example.com/')], 'another')).toMatchObject({
    code: 'WEBHOOK_URI_NOT_ALLOWED',
  });
  answer();
  expect(await held).toBeNull();
});

test('a name server that does not answer holds up for two seconds', async () => {
  const silent = { ...strict, resolveName: () => new Promise<never>(() => undefined) };
  const start = Date.now();
  const ten = Array.from({ length: 10 }, (_, index) => to(`https://${index}.example.com/`));
  expect(await faultsOf(silent, ten)).toBeNull();
  expect(Date.now() - start).toBeGreaterThan(1_900);
  expect(Date.now() - start).toBeLessThan(3_000);
});

test('every fault is named at once', async () => {
  const webhooks = [
    to('ftp://example.com/'),
    to('https://example.com/'),
    { uri: 'http://10.0.0.1/', interactions: [] },
  ];
  expect(await faultsOf(strict, webhooks)).toMatchObject({
    code: 'WEBHOOK_URI_NOT_ALLOWED',
    details: [
      fault(0, 'uri', 'invalid_scheme', 'Must be http or https.'),
      fault(2, 'uri', 'address_not_public', 'Must lead to a public address.'),
      fault(2, 'interactions', 'empty', 'Must name at least one interaction.'),
    ],
  });
});

test('ten are allowed, eleven are not and are not even looked at', async () => {
  const many = (length: number) => Array.from({ length }, () => to('https://example.com/'));
  expect(await faultsOf(strict, many(10))).toBeNull();
  let asked = 0;
  const counting = {
    ...strict,
    resolveName: () => {
      asked += 1;
      return unknown('');
    },
  };
  expect(await faultsOf(counting, many(11))).toMatchObject({
    code: 'BAD_USER_INPUT',
    limit: 10,
    details: [{ loc: ['input', 'webhooks'], type: 'too_many' }],
  });
  expect(asked).toBe(0);
});
