import { ConfigError, loadConfig } from '../../../src/config/config.js';

const secret = 'x'.repeat(32);

function faultsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    return error instanceof ConfigError ? error.faults : [String(error)];
  }
}

describe('the settings of JSON Web Tokens', () => {
  test('are off by default', () => {
    expect(loadConfig({}).jwt).toBeNull();
    expect(loadConfig({ JWT_SECRET: '', JWT_JWKS_URL: '', JWT_ISSUER: 'x' }).jwt).toBeNull();
  });

  test('are one secret, or the address of public keys', () => {
    const rest = { issuer: 'i', audience: null, createOrganizations: true };
    expect(loadConfig({ JWT_SECRET: secret, JWT_ISSUER: 'i' }).jwt).toEqual({ key: { secret }, ...rest });
    const jwksUrl = 'https://issuer.example/jwks.json';
    expect(loadConfig({ JWT_JWKS_URL: jwksUrl, JWT_ISSUER: 'i' }).jwt).toEqual({ key: { jwksUrl }, ...rest });
    expect(faultsOf({ JWT_SECRET: 'ä'.repeat(16) })).toEqual([]);
  });

  test('let tokens make organizations with the embedded database alone, unless told', () => {
    const postgres = { DATABASE_URL: 'postgres://localhost/claimcheck' };
    const madeBy = (env: Record<string, string>) =>
      loadConfig({ JWT_SECRET: secret, ...env }).jwt?.createOrganizations;
    expect([madeBy({}), madeBy({ JWT_CREATE_ORGANIZATIONS: 'false' })]).toEqual([true, false]);
    expect([madeBy(postgres), madeBy({ ...postgres, JWT_CREATE_ORGANIZATIONS: 'true' })]).toEqual([
      false,
      true,
    ]);
    expect(faultsOf({ JWT_CREATE_ORGANIZATIONS: 'yes' })).toHaveLength(1);
  });

  test.each([
    [{ JWT_SECRET: 'x'.repeat(31) }, ['JWT_SECRET: must have at least 32 bytes']],
    [{ JWT_JWKS_URL: 'file:///jwks.json' }, ['JWT_JWKS_URL: must be an http or https URL']],
    [{ JWT_JWKS_URL: 'issuer' }, ['JWT_JWKS_URL: must be an http or https URL']],
    [
      { JWT_SECRET: secret, JWT_JWKS_URL: 'https://issuer.example/jwks.json' },
      ['JWT_SECRET: must not be given together with JWT_JWKS_URL'],
    ],
    [
      { JWT_SECRET: 'short', JWT_JWKS_URL: 'x', PORT: 'x' },
      [
        'PORT: must be a whole number from 0 to 65535',
        'JWT_SECRET: must have at least 32 bytes',
        'JWT_JWKS_URL: must be an http or https URL',
        'JWT_SECRET: must not be given together with JWT_JWKS_URL',
      ],
    ],
  ])('%j is refused with every fault', (env, faults) => {
    expect(faultsOf(env)).toEqual(faults);
  });
});
