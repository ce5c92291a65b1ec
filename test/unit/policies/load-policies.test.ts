import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../../../src/config/config.js';
import { resolvePolicy } from '../../../src/policies/choose-policy.js';
import { loadPolicies } from '../../../src/policies/load-policies.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const maxFileSize = 268_435_456;

let directory: string;
let path: string;

beforeAll(async () => {
  directory = await makeTemporaryDirectory();
  path = join(directory, 'policies.json');
});

afterAll(() => rm(directory, { recursive: true }));

async function load(content: unknown, limit = maxFileSize) {
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return loadPolicies(path, limit);
}

/** The lines of the ConfigError, without the name of the setting. */
async function faultsOf(content: unknown): Promise<string[]> {
  return faultsOfLoading(load(content));
}

async function faultsOfLoading(loading: Promise<unknown>): Promise<string[]> {
  const error = await loading.then(
    () => new Error('It was loaded.'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConfigError)) throw error;
  for (const fault of error.faults) expect(fault).toMatch(/^POLICIES_FILE: /);
  return error.faults.map((fault) => fault.replace('POLICIES_FILE: ', '').replace(path, 'policies.json'));
}

describe('without a file', () => {
  test('the built-in policies hold, and default everywhere', async () => {
    const book = await loadPolicies(null, maxFileSize);
    expect([...book.policies.keys()]).toEqual(['default', 'calendar']);
    expect(book.policies.get('default')).toEqual({
      name: 'default',
      maxFileSize,
      acceptedTypes: null,
      extensions: 'any',
      maxCount: null,
      sharing: 'EXCLUSIVE',
    });
    expect(resolvePolicy(book, { record: { type: 'Anything' } })).toEqual({
      policy: book.policies.get('default'),
    });
  });

  test('MAX_FILE_SIZE caps them', async () => {
    const { policies } = await loadPolicies(null, 1000);
    expect(Array.from(policies.values(), (policy) => policy.maxFileSize)).toEqual([1000, 1000]);
    const larger = await loadPolicies(null, 2 ** 40);
    expect(Array.from(larger.policies.values(), (policy) => policy.maxFileSize)).toEqual([
      2 ** 40,
      2_097_152,
    ]);
  });
});

describe('a file', () => {
  test.each([
    [{}, 'any'],
    [{ acceptedTypes: { 'image/png': ['.png'] } }, 'match'],
    [{ extensions: 'match' }, 'match'],
    [{ extensions: 'any', acceptedTypes: { 'image/png': ['.png'] } }, 'any'],
  ])('says whether extensions matter: %j', async (policy, rule) => {
    const { policies } = await load({ policies: { own: policy } });
    expect(policies.get('own')?.extensions).toBe(rule);
  });

  test('says so by one of two words', async () => {
    expect(await faultsOf({ policies: { own: { extensions: 'some' } } })).toEqual([
      'policies.own.extensions: must be "match" or "any"',
    ]);
  });

  test('from the documentation is read', async () => {
    const book = await load({
      policies: {
        default: { maxFileSize: 268_435_456 },
        calendar: {
          maxFileSize: 2_097_152,
          maxCount: 5,
          sharing: 'SHARED',
          acceptedTypes: { 'application/pdf': ['.pdf', '.ai'] },
        },
        single: { maxCount: 1 },
      },
      recordTypes: {
        Event: { policy: 'calendar' },
        Document: { fields: { file: { policy: 'single' } } },
        '*': { policy: 'default' },
      },
    });
    expect(book.policies.get('calendar')).toEqual({
      name: 'calendar',
      maxFileSize: 2_097_152,
      acceptedTypes: new Map([['application/pdf', new Set(['.pdf', '.ai'])]]),
      extensions: 'match',
      maxCount: 5,
      sharing: 'SHARED',
    });
    const single = { name: 'single', maxFileSize, acceptedTypes: null, maxCount: 1, sharing: 'EXCLUSIVE' };
    expect(book.policies.get('single')).toEqual({ ...single, extensions: 'any' });
    expect([...book.recordTypes.keys()]).toEqual(['Event', 'Document', '*']);
    expect(book.recordTypes.get('Document')).toEqual({
      policy: null,
      fields: new Map([['file', book.policies.get('single')]]),
    });
  });

  test('may refer to a built-in policy, and leave out what it likes', async () => {
    const book = await load({ recordTypes: { Event: { policy: 'calendar' } } });
    expect(book.recordTypes.get('Event')?.policy).toMatchObject({ name: 'calendar', maxCount: 5 });
    expect(book.recordTypes.has('*')).toBe(false);
    const bare = await load('\uFEFF{}');
    expect(bare).toEqual(await loadPolicies(null, maxFileSize));
  });

  test('is capped by MAX_FILE_SIZE', async () => {
    const { policies } = await load(
      { policies: { large: { maxFileSize: 5000 }, small: { maxFileSize: 500 } } },
      1000,
    );
    expect(policies.get('large')?.maxFileSize).toBe(1000);
    expect(policies.get('small')?.maxFileSize).toBe(500);
  });

  test('may write types by other names and extensions in capitals', async () => {
    const { policies } = await load({
      policies: { a: { acceptedTypes: { 'Image/JPG': ['.JPG', '.jpeg'] } } },
    });
    expect(policies.get('a')?.acceptedTypes).toEqual(new Map([['image/jpeg', new Set(['.jpg', '.jpeg'])]]));
  });

  test('may use any names', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'with space', 'ä.b'];
    const own = names.map((name) => `${JSON.stringify(name)}: { "maxCount": 3 }`).join();
    const records = names
      .map(
        (name) =>
          `${JSON.stringify(name)}: { "fields": { "__proto__": { "policy": ${JSON.stringify(name)} } } }`,
      )
      .join();
    const book = await load(`{ "policies": { ${own} }, "recordTypes": { ${records} } }`);
    for (const name of names) {
      expect(resolvePolicy(book, { policy: name })).toMatchObject({ policy: { name, maxCount: 3 } });
      expect(resolvePolicy(book, { record: { type: name }, field: '__proto__' })).toMatchObject({
        policy: { name },
      });
      expect(resolvePolicy(book, { record: { type: name }, field: 'constructor' })).toHaveProperty('fault');
    }
  });
});

describe('every fault is told at once', () => {
  test('with its place', async () => {
    const faults = await faultsOf({
      comment: 'none',
      policies: {
        '': {},
        small: { maxFileSize: 0, maxCount: 1.5, sharing: 'shared', maxfilesize: 1 },
        large: { maxFileSize: 2 ** 41, maxCount: 1001, acceptedTypes: {} },
        text: { maxFileSize: '10 MB', maxCount: null, acceptedTypes: ['text/plain'] },
        types: {
          acceptedTypes: {
            png: ['.png'],
            'image/*': ['.gif'],
            'text/plain; charset=utf-8': ['.txt'],
            'image/jpeg': [],
            'image/JPG': ['.jpg', 'jpeg', '.JPG', '.tar.gz', '.', 5],
            'text/csv': '.csv',
          },
        },
        huge: { maxFileSize: 1e20 },
        list: [],
      },
      recordTypes: {
        Event: { policy: 'calender' },
        Task: { policy: 'text', field: {}, fields: { file: { policy: 'nothing', maxCount: 2 }, image: {} } },
        'Odd type': 'default',
      },
    });
    expect(faults.toSorted()).toEqual(
      [
        'comment: is not known here',
        'policies[""]: a name must have 1 to 255 characters and no controls',
        'policies.small.maxFileSize: must be a whole number from 1 to 1099511627776',
        'policies.small.maxCount: must be a whole number from 1 to 1000',
        'policies.small.sharing: must be "EXCLUSIVE" or "SHARED"',
        'policies.small.maxfilesize: is not known here',
        'policies.huge.maxFileSize: must be a whole number from 1 to 1099511627776',
        'policies.large.maxFileSize: must be a whole number from 1 to 1099511627776',
        'policies.large.maxCount: must be a whole number from 1 to 1000',
        'policies.large.acceptedTypes: must list a type; leave it out to accept any',
        'policies.text.maxFileSize: must be a whole number from 1 to 1099511627776',
        'policies.text.maxCount: must be a whole number from 1 to 1000',
        'policies.text.acceptedTypes: must be an object',
        'policies.types.acceptedTypes.png: is not a media type such as image/png',
        'policies.types.acceptedTypes["image/*"]: is not a media type such as image/png',
        'policies.types.acceptedTypes["text/plain; charset=utf-8"]: is not a media type such as image/png',
        'policies.types.acceptedTypes["image/jpeg"]: must list an extension',
        'policies.types.acceptedTypes["image/JPG"]: lists image/jpeg again',
        'policies.types.acceptedTypes["image/JPG"][1]: must be a dot and 1 to 32 other characters, such as ".pdf"',
        'policies.types.acceptedTypes["image/JPG"][2]: lists .jpg again',
        'policies.types.acceptedTypes["image/JPG"][3]: must be a dot and 1 to 32 other characters, such as ".pdf"',
        'policies.types.acceptedTypes["image/JPG"][4]: must be a dot and 1 to 32 other characters, such as ".pdf"',
        'policies.types.acceptedTypes["image/JPG"][5]: must be an extension such as ".pdf"',
        'policies.types.acceptedTypes["text/csv"]: must be a list of extensions',
        'policies.list: must be an object',
        'recordTypes.Event.policy: there is no policy "calender"',
        'recordTypes.Task.field: is not known here',
        'recordTypes.Task.fields.file.policy: there is no policy "nothing"',
        'recordTypes.Task.fields.file.maxCount: is not known here',
        "recordTypes.Task.fields.image.policy: must be a policy's name",
        'recordTypes["Odd type"]: must be an object',
      ].toSorted(),
    );
  });

  test('also below names that mean something to the language', async () => {
    const faults = await faultsOf(
      '{ "__proto__": 1, "policies": { "__proto__": { "maxCount": 0, "constructor": 1 } } }',
    );
    expect(faults.toSorted()).toEqual([
      '__proto__: is not known here',
      'policies.__proto__.constructor: is not known here',
      'policies.__proto__.maxCount: must be a whole number from 1 to 1000',
    ]);
  });

  test.each(['[]', 'null', '1', '"default"'])('%s is no object', async (content) => {
    expect(await faultsOf(content)).toEqual(['must be an object']);
  });

  test('policies and record types must be objects', async () => {
    expect(await faultsOf({ policies: [], recordTypes: null })).toEqual([
      'policies: must be an object',
      'recordTypes: must be an object',
    ]);
  });

  test.each(['', '{', '{"policies": {},}', '{} {}', "{'policies': {}}"])(
    '%j is not JSON',
    async (content) => {
      expect(await faultsOf(content)).toEqual([expect.stringMatching(/^policies\.json is not JSON: ./)]);
    },
  );

  test('a file that cannot be read', async () => {
    await rm(path, { force: true });
    expect(await faultsOfLoading(loadPolicies(path, maxFileSize))).toEqual([
      'policies.json cannot be read (ENOENT)',
    ]);
    await mkdir(path);
    expect(await faultsOfLoading(loadPolicies(path, maxFileSize))).toEqual([
      'policies.json cannot be read (EISDIR)',
    ]);
    await rm(path, { recursive: true });
  });

  test('a file without an end', async () => {
    await symlink('/dev/zero', path);
    expect(await faultsOfLoading(loadPolicies(path, maxFileSize))).toEqual([
      'policies.json has more than 16777216 bytes',
    ]);
    await rm(path);
  });
});
