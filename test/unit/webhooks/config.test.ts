import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { keepSecret } from '../../../src/auth/secrets.js';
import { ConfigError, loadConfig } from '../../../src/config/config.js';
import { isWebhookSecret } from '../../../src/config/setting-formats.js';
import { createSign, makeWebhookSecret } from '../../../src/webhooks/sign-webhook.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const secretOf = (bytes: number) => `whsec_${randomBytes(bytes).toString('base64')}`;

test('WEBHOOK_SECRET takes what Standard Webhooks allows', () => {
  const secrets = [secretOf(24), secretOf(32), secretOf(64)];
  const { webhookSecrets } = loadConfig({ WEBHOOK_SECRET: secrets.join(', ') });
  expect(webhookSecrets).toEqual(secrets);
  expect(() => createSign(secrets)).not.toThrow();
  expect(loadConfig({}).webhookSecrets).toBeNull();
});

test.each([
  ['WEBHOOK_SECRET', 'whsec_'],
  ['WEBHOOK_SECRET', randomBytes(32).toString('base64')],
  ['WEBHOOK_SECRET', secretOf(23)],
  ['WEBHOOK_SECRET', secretOf(65)],
  ['WEBHOOK_SECRET', `${secretOf(32)},`],
  ['WEBHOOK_SECRET', `whsec_${randomBytes(32).toString('hex')}-_`],
  ['WEBHOOK_ALLOW_PRIVATE', 'yes'],
  ['WEBHOOK_RETRY_SECONDS', '5,,5'],
  ['WEBHOOK_RETRY_SECONDS', '1.5'],
  ['WEBHOOK_RETRY_SECONDS', '-1'],
  ['WEBHOOK_RETRY_SECONDS', '604801'],
  ['WEBHOOK_RETRY_SECONDS', Array.from({ length: 51 }, () => '1').join(',')],
])('%s is refused as %.40s', (name, value) => {
  expect(() => loadConfig({ [name]: value })).toThrow(ConfigError);
  expect(() => loadConfig({ [name]: value })).toThrow(name);
});

test('the other settings of webhooks', () => {
  const config = loadConfig({ WEBHOOK_ALLOW_PRIVATE: 'true', WEBHOOK_RETRY_SECONDS: '0, 1,604800' });
  expect(config.webhookAllowPrivate).toBe(true);
  expect(config.webhookRetryDelaysMs).toEqual([0, 1_000, 604_800_000]);
  expect(loadConfig({}).webhookAllowPrivate).toBe(false);
});

test('a secret that is kept is made once, fit to sign with and to be given to receivers', async () => {
  const directory = await makeTemporaryDirectory();
  const kept = await keepSecret(directory, 'webhook-secret', {
    make: makeWebhookSecret,
    isGood: isWebhookSecret,
  });
  expect(
    await keepSecret(directory, 'webhook-secret', { make: makeWebhookSecret, isGood: isWebhookSecret }),
  ).toBe(kept);
  expect(loadConfig({ WEBHOOK_SECRET: kept }).webhookSecrets).toEqual([kept]);
  expect((await stat(join(directory, 'webhook-secret'))).mode & 0o777).toBe(0o600);
});
