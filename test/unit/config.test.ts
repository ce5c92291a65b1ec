import { type ConfigError, loadConfig } from '../../src/config/config.js';

/** The faults that the settings have, without the rest. */
function faultsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    return (error as ConfigError).faults;
  }
}

describe('HOST', () => {
  test.each([
    '127.0.0.1',
    '127.1',
    '0.0.0.0',
    '::',
    '::1',
    'fe80::1%lo',
    'localhost',
    'my_host-1.example',
    'bücher.example',
  ])('takes %s', (host) => {
    expect(loadConfig({ HOST: host }).host).toBe(host);
  });

  test.each(['999.1.1.1', '1.2.3.4.5', '[::1]', ':::', 'http://x', 'x:80', 'a b', 'x/y'])(
    'refuses %s, beside every other fault',
    (host) => {
      expect(faultsOf({ HOST: host, PORT: 'x' })).toEqual([
        'HOST: must be an IP address or the name of a host',
        expect.stringMatching(/^PORT: /),
      ]);
    },
  );
});

describe('whole numbers', () => {
  const tooLarge = '99999999999999999999';

  test.each([
    ['QUOTA_BYTES', 'QUOTA_BYTES: must be a whole number from 0 to 9007199254740991'],
    ['INLINE_MAX_BYTES', 'INLINE_MAX_BYTES: must be a whole number from 0 to 1048576'],
    ['WEBHOOK_RETRY_SECONDS', 'WEBHOOK_RETRY_SECONDS.0: must be whole numbers of seconds'],
  ])('one that no number holds exactly is one fault of %s', (name, fault) => {
    expect(faultsOf({ [name]: tooLarge })).toEqual([fault]);
  });
});

describe('STORAGE_URL', () => {
  test.each(['file:///srv/files?x', 'file:///srv/files?', 'file:///srv/files#2'])(
    'refuses %s, whose end would be left out',
    (url) => {
      const msg = 'must be file:///folder only, with ? and # of its name as %3F and %23';
      expect(faultsOf({ STORAGE_URL: url })).toEqual([`STORAGE_URL: ${msg}`]);
    },
  );

  test.each(['s3.example.com', 'http://s3.example.com/path', 'https://user:password@s3.example.com'])(
    'refuses the endpoint %s',
    (endpoint) => {
      const msg = 'has an endpoint that is no http or https URL without a path and a user name';
      expect(faultsOf({ STORAGE_URL: `s3://bucket?endpoint=${endpoint}` })).toContain(`STORAGE_URL: ${msg}`);
    },
  );

  test('takes a folder of any name', () => {
    expect(loadConfig({ STORAGE_URL: 'file:///srv/a%3Fb%23c%20d' }).storage).toBe('/srv/a?b#c d');
  });
});

describe.each(['DATABASE_URL', 'DATABASE_READ_URL'])('%s', (name) => {
  const others = name === 'DATABASE_URL' ? {} : { DATABASE_URL: 'postgres://host/database' };

  test.each(['postgres://u:p%25@host/d', 'postgresql://u@host', 'postgres://h/d?application_name=100%'])(
    'takes %s',
    (url) => {
      expect(faultsOf({ ...others, [name]: url })).toEqual([]);
    },
  );

  test.each([
    'postgres://u:p%@host/d',
    'postgres://u:%ff@host/d',
    'postgres://u:p#q@host/d',
    'mysql://host/d',
  ])('refuses %s, and says how a password is written', (url) => {
    expect(faultsOf({ ...others, [name]: url })).toEqual([
      `${name}: must be a postgres:// URL, which has %, #, / and ? of a name or password as %25, %23, %2F and %3F`,
    ]);
  });
});

test.each(['SIGNING_SECRET', 'WEBHOOK_SECRET'])(
  'spaces around the secrets of %s are none of them',
  (name) => {
    const secrets = ['whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz', 'whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4'];
    const { signingSecrets, webhookSecrets } = loadConfig({ [name]: ` ${secrets.join(' , ')} ` });
    expect(signingSecrets ?? webhookSecrets).toEqual(secrets);
  },
);

describe('PUBLIC_URL', () => {
  test.each([
    ['http://x.example', 'http://x.example'],
    ['https://x.example:8443/base/', 'https://x.example:8443/base'],
    ['http://[::1]:4000', 'http://[::1]:4000'],
    ['http://x.example/@base', 'http://x.example/@base'],
  ])('takes %s', (url, base) => {
    expect(loadConfig({ PUBLIC_URL: url }).publicUrl).toBe(base);
  });

  test.each([
    'http://x.example/?q=1',
    'http://x.example?',
    'https://x.example/base#top',
    'http://x.example/#',
    'http://user:password@x.example',
  ])('refuses %s, behind which no path can be put, beside every other fault', (url) => {
    expect(faultsOf({ PUBLIC_URL: url, PORT: 'x' })).toEqual([
      expect.stringMatching(/^PORT: /),
      'PUBLIC_URL: must have no query, no fragment and no user name',
    ]);
  });

  test.each(['ftp://x.example', 'x.example', 'http://'])('refuses %s', (url) => {
    expect(faultsOf({ PUBLIC_URL: url })).toEqual(['PUBLIC_URL: must be an http or https URL']);
  });
});

describe('JWT_JWKS_URL', () => {
  test.each(['http://127.0.0.1:8080/keys/', 'https://issuer.example/jwks?tenant=a@b'])(
    'takes %s as it is',
    (url) => {
      expect(loadConfig({ JWT_JWKS_URL: url }).jwt?.key).toEqual({ jwksUrl: url });
    },
  );

  test.each([
    'http://user:password@issuer.example/jwks',
    'https://user@issuer.example',
    'http://:p@issuer.example/jwks',
  ])('refuses %s, which nothing could be fetched from', (url) => {
    expect(faultsOf({ JWT_JWKS_URL: url })).toEqual(['JWT_JWKS_URL: must not have a user name or password']);
  });

  test.each(['issuer.example', 'file:///keys'])('refuses %s', (url) => {
    expect(faultsOf({ JWT_JWKS_URL: url })).toEqual(['JWT_JWKS_URL: must be an http or https URL']);
  });
});

describe('RECORD_AUTHORIZER_URL', () => {
  test.each(['http://127.0.0.1:8181/v1/data/records/allow', 'https://opa.example/v1/data/x?strict=1'])(
    'takes %s',
    (url) => {
      expect(loadConfig({ RECORD_AUTHORIZER_URL: url }).recordAuthorizerUrl).toBe(url);
    },
  );

  test.each(['opa', 'ftp://opa.example/x', 'http://user:password@opa.example/x'])('refuses %s', (url) => {
    expect(faultsOf({ RECORD_AUTHORIZER_URL: url })).toHaveLength(1);
  });
});

describe('BOOTSTRAP_API_KEY', () => {
  test.each([32, 128])('takes %i characters after cck_', (length) => {
    const key = `cck_${'aB3-_'.repeat(30).slice(0, length)}`;
    expect(loadConfig({ BOOTSTRAP_API_KEY: key }).bootstrapApiKey).toBe(key);
  });

  test.each([
    'cck_password',
    `cck_${'x'.repeat(31)}`,
    `cck_${'x'.repeat(129)}`,
    'x'.repeat(40),
    `cck_${'x '.repeat(20)}`,
  ])('refuses %j, and tells every other fault too', (key) => {
    const faults = faultsOf({ BOOTSTRAP_API_KEY: key, PORT: '70000' });
    expect(faults).toEqual([
      expect.stringMatching(/^PORT: /),
      'BOOTSTRAP_API_KEY: must be cck_ and 32 to 128 letters, digits, - or _',
    ]);
  });
});

describe('SCANNER', () => {
  test.each([
    'none',
    'eicar',
    'clamd://127.0.0.1:3310',
    'clamd://localhost',
    'clamd://clam_av.internal-1:65535',
    'clamd://[::1]:3310',
    'clamd:///run/clamav/clamd.ctl',
    'clamd:///run/with%20space/clamd.ctl',
  ])('takes %s', (scanner) => {
    expect(loadConfig({ SCANNER: scanner }).scanner).toBe(scanner);
  });

  test('is none where it is not set', () => {
    expect(loadConfig({}).scanner).toBe('none');
  });

  test.each([
    'clam',
    'None',
    'eicar ',
    'clamd',
    'clamd:',
    'clamd://',
    'clamd:///',
    'clamd:////',
    'clamd:run/clamd.ctl',
    'clamd://host:0',
    'clamd://host:65536',
    'clamd://host:port',
    'clamd://host/path',
    'clamd://host:3310/',
    'clamd://user@host:3310',
    'clamd://user:secret@host',
    'clamd://host?x=1',
    'clamd:///run/clamd.ctl?x=1',
    'clamd:///run/clamd.ctl#x',
    'clamd:///run/%00',
    'clamd:///run/%',
    'clamd:///run/%ff',
    `clamd:///${'x'.repeat(107)}`,
    'clamd://[::1',
    'clamd://ho st',
    'tcp://host:3310',
    'http://host:3310',
  ])('refuses %j', (scanner) => {
    const fault = 'SCANNER: must be none, eicar, clamd://host:port or clamd:///path/of/socket';
    expect(faultsOf({ SCANNER: scanner })).toEqual([fault]);
  });
});

describe('SCAN_RETRY_SECONDS', () => {
  test.each([
    ['5', [5_000]],
    ['0,1', [0, 1_000]],
    ['5, 30,120', [5_000, 30_000, 120_000]],
  ])('%j', (text, delays) => {
    expect(loadConfig({ SCAN_RETRY_SECONDS: text }).scanRetryMs).toEqual(delays);
  });

  test('has a default', () => {
    expect(loadConfig({}).scanRetryMs).toEqual([5_000, 30_000, 120_000, 600_000, 3_600_000]);
  });

  test.each([
    ',',
    '5,',
    'x',
    '1.5',
    '-1',
    '1e3',
    '5;6',
    '0x5',
    '604801',
    '99999999999999999999',
    '1,'.repeat(100) + 1,
  ])('refuses %j', (text) => {
    const faults = faultsOf({ SCAN_RETRY_SECONDS: text });
    expect(faults.length).toBeGreaterThan(0);
    for (const fault of faults) expect(fault).toMatch(/^SCAN_RETRY_SECONDS[.\d]*: (each )?must be /);
  });
});

describe('TRUST_PROXY', () => {
  test.each([
    ['127.0.0.1', ['127.0.0.1']],
    ['10.0.0.0/8, ::1,fd00::/8', ['10.0.0.0/8', '::1', 'fd00::/8']],
  ])('%j', (text, networks) => {
    expect(loadConfig({ TRUST_PROXY: text }).trustedProxies).toEqual(networks);
  });

  test('trusts nobody by default', () => {
    expect(loadConfig({}).trustedProxies).toEqual([]);
  });

  test.each(['true', '1.2.3', '10.0.0.0/33', 'proxy.example', '127.0.0.1,', '*'])('refuses %j', (text) => {
    expect(faultsOf({ TRUST_PROXY: text })).toEqual([expect.stringMatching(/^TRUST_PROXY\.\d+: must be IP/)]);
  });
});

describe('CORS_ORIGINS', () => {
  test.each(['*', 'https://app.example', 'https://app.example, http://localhost:3000'])(
    'takes %s',
    (text) => {
      expect(loadConfig({ CORS_ORIGINS: text }).corsOrigins).toEqual(text.split(', '));
    },
  );

  test.each([
    'foo',
    'https://app.example/',
    'https://app.example/x',
    'app.example',
    'https://a.example,,',
    'null',
  ])('refuses %j', (text) => {
    const fault = expect.stringMatching(/^CORS_ORIGINS\.\d+: each must be \* or an origin/);
    expect(faultsOf({ CORS_ORIGINS: text })).toEqual(expect.arrayContaining([fault]));
  });
});

describe('a variable that is nearly the name of a setting', () => {
  test.each([
    ['MAX_FILE_SIZ', 'MAX_FILE_SIZE'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['DATABSE_URL', 'DATABASE_URL'],
    ['WEBHOOK_SECRETS', 'WEBHOOK_SECRET'],
  ])('%s is told', (given, meant) => {
    expect(loadConfig({ [given]: '1' }).misspelled).toEqual([{ given, meant }]);
  });

  test('is none of the usual variables', () => {
    const usual =
      'HOME HOSTNAME USER PATH PORTS LANG TERM SHELL PWD NODE_ENV NO_COLOR LOGNAME DATA_DIR npm_config_cache';
    expect(loadConfig(Object.fromEntries(usual.split(' ').map((name) => [name, 'x']))).misspelled).toEqual(
      [],
    );
  });
});

describe('limits', () => {
  test('have defaults', () => {
    expect(loadConfig({})).toMatchObject({
      requestsPerMinute: 300,
      failedLoginsPerMinute: 100,
      maxConcurrentUploads: 100,
      queryLimits: { tokens: 2_000, depth: 12, aliases: 50, cost: 250_000 },
      introspection: true,
      sandbox: true,
    });
  });

  test('on bad credentials are off with those on good ones, unless they are given', () => {
    expect(loadConfig({ RATE_LIMIT_PER_MINUTE: '0' }).failedLoginsPerMinute).toBe(0);
    const given = { RATE_LIMIT_PER_MINUTE: '0', FAILED_LOGINS_PER_MINUTE: '7' };
    expect(loadConfig(given).failedLoginsPerMinute).toBe(7);
  });

  test.each([
    ['RATE_LIMIT_PER_MINUTE', '-1'],
    ['FAILED_LOGINS_PER_MINUTE', 'many'],
    ['MAX_CONCURRENT_UPLOADS', '1.5'],
    ['MAX_QUERY_TOKENS', '0'],
    ['MAX_QUERY_DEPTH', '0'],
    ['MAX_QUERY_COST', '0'],
    ['INTROSPECTION', 'yes'],
    ['SANDBOX', '1'],
  ])('%s is not %j', (name, text) => {
    expect(faultsOf({ [name]: text })).toEqual([expect.stringMatching(`^${name}: `)]);
  });
});
