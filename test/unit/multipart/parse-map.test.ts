import { GraphQLUpload } from 'graphql-upload-minimal';
import { AttachmentError } from '../../../src/errors.js';
import { maxPartNameLength, maxPathSegments } from '../../../src/graphql/multipart/multipart-syntax.js';
import {
  findUploadPlace,
  type GraphqlBody,
  parseMap,
  parseOperations,
  placeUploads,
} from '../../../src/graphql/multipart/parse-operations.js';
import { builtInMembers } from './built-in-members.js';

const limits = { maxFiles: 5, maxMapPaths: 10 };

function body(): GraphqlBody {
  return parseOperations(
    JSON.stringify({
      query: 'q',
      variables: {
        file: null,
        text: 'text',
        number: 1,
        files: [null, null],
        input: { content: { upload: null }, list: [{ upload: null }] },
      },
    }),
  );
}

function faultOf(work: () => unknown): AttachmentError {
  try {
    work();
  } catch (error) {
    if (error instanceof AttachmentError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown');
}

function mapFault(map: unknown): AttachmentError {
  return faultOf(() => parseMap(JSON.stringify(map), body(), limits));
}

describe('findUploadPlace', () => {
  test.each([
    ['variables.file', 'file'],
    ['variables.files.0', '0'],
    ['variables.files.1', '1'],
    ['variables.input.content.upload', 'upload'],
    ['variables.input.list.0.upload', 'upload'],
  ])('finds %s', (path, key) => {
    expect(findUploadPlace(body(), path)).toMatchObject({ key });
  });

  test.each([
    ['', 'path_prefix'],
    ['variables', 'path_prefix'],
    ['variables.', 'path_forbidden'],
    ['file', 'path_prefix'],
    ['query', 'path_prefix'],
    ['operationName', 'path_prefix'],
    ['extensions.file', 'path_prefix'],
    ['0.variables.file', 'path_prefix'],
    ['Variables.file', 'path_prefix'],
    [' variables.file', 'path_prefix'],
    ['.variables.file', 'path_prefix'],
    ['__proto__.file', 'path_prefix'],
    ['variables.hasOwnProperty', 'path_not_found'],
    ['variables.hasOwnProperty.call', 'path_not_found'],
    ['variables.toString.x', 'path_not_found'],
    ['variables.valueOf', 'path_not_found'],
    ['variables.constructor', 'path_forbidden'],
    ['variables.constructor.prototype.file', 'path_forbidden'],
    ['variables.__proto__', 'path_forbidden'],
    ['variables.__proto__.file', 'path_forbidden'],
    ['variables.__proto__.toString', 'path_forbidden'],
    ['variables.file.prototype', 'path_forbidden'],
    ['variables..file', 'path_forbidden'],
    ['variables.file.', 'path_forbidden'],
    ['variables.nothing', 'path_not_found'],
    ['variables.file.x', 'path_not_found'],
    ['variables.files.length', 'path_not_found'],
    ['variables.files.2', 'path_not_found'],
    ['variables.files.-1', 'path_not_found'],
    ['variables.files.00', 'path_not_found'],
    ['variables.files.1e0', 'path_not_found'],
    ['variables.files. 0', 'path_not_found'],
    ['variables.files.4294967295', 'path_not_found'],
    ['variables.files.push', 'path_not_found'],
    ['variables.files', 'path_not_null'],
    ['variables.text', 'path_not_null'],
    ['variables.text.0', 'path_not_found'],
    ['variables.text.length', 'path_not_found'],
    ['variables.number.toFixed', 'path_not_found'],
    ['variables.input', 'path_not_null'],
    [`variables${'.a'.repeat(maxPathSegments)}`, 'path_too_long'],
    [`variables${'.a'.repeat(10_000)}`, 'path_too_long'],
  ])('refuses %.60s', (path, fault) => {
    expect(findUploadPlace(body(), path)).toBe(fault);
  });

  test('does not follow a member named __proto__ that the client has sent', () => {
    const hostile = parseOperations('{"query":"q","variables":{"__proto__":{"file":null}}}');
    expect(findUploadPlace(hostile, 'variables.__proto__.file')).toBe('path_forbidden');
  });

  test('finds nothing where there are no variables', () => {
    expect(findUploadPlace({ query: 'q' }, 'variables.file')).toBe('path_not_found');
  });

  test('is cheap for a path of 10,000 segments', () => {
    const path = `variables${'.files'.repeat(10_000)}`;
    const start = performance.now();
    for (let i = 0; i < 1000; i++) findUploadPlace(body(), path);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('parseMap', () => {
  test('reads every part with its places', () => {
    const places = parseMap(
      '{"a":["variables.file","variables.files.1"],"b":["variables.files.0"]}',
      body(),
      limits,
    );
    expect([...places].map(([name, found]) => [name, found.map(({ key }) => key)])).toEqual([
      ['a', ['file', '1']],
      ['b', ['0']],
    ]);
  });

  test('reports every faulty path at once, each with its place', () => {
    const error = mapFault({
      a: ['variables.file', 'query'],
      b: ['variables.file', 'variables.files.length'],
    });
    expect(error.code).toBe('INVALID_MULTIPART');
    expect(error.details.map(({ loc, type }) => [...loc, type])).toEqual([
      ['map', 'a', 1, 'path_prefix'],
      ['map', 'b', 0, 'path_duplicate'],
      ['map', 'b', 1, 'path_not_found'],
    ]);
  });

  test.each([
    ['text', 'x', 'json_invalid'],
    ['an array', '[]', 'object_expected'],
    ['null', 'null', 'object_expected'],
    ['a string', '"a"', 'object_expected'],
    ['a path that stands alone', '{"a":"variables.file"}', 'paths_expected'],
    ['no paths', '{"a":[]}', 'paths_expected'],
    ['null for paths', '{"a":null}', 'paths_expected'],
    ['a number for a path', '{"a":[1]}', 'paths_expected'],
    ['a nameless part', '{"":["variables.file"]}', 'name_invalid'],
    ['a part named map', '{"map":["variables.file"]}', 'name_invalid'],
    ['a part named operations', '{"operations":["variables.file"]}', 'name_invalid'],
    ['a long name', `{"${'n'.repeat(maxPartNameLength + 1)}":["variables.file"]}`, 'name_invalid'],
  ])('refuses %s', (_what, text, type) => {
    const error = faultOf(() => parseMap(text, body(), limits));
    expect(error.code).toBe('INVALID_MULTIPART');
    expect(error.details.map((detail) => detail.type)).toEqual([type]);
  });

  test('refuses more parts than files are allowed', () => {
    const entries = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, ['variables.file']]);
    expect(mapFault(Object.fromEntries(entries))).toMatchObject({ code: 'TOO_MANY_FILES', limit: 5 });
  });

  test('refuses more paths than are allowed', () => {
    const error = mapFault({ a: Array.from({ length: 11 }, (_, index) => `variables.files.${index}`) });
    expect(error).toMatchObject({ code: 'INVALID_MULTIPART', limit: 10 });
  });

  test('keeps a part named __proto__ apart from prototypes', () => {
    const places = parseMap('{"__proto__":["variables.file"]}', body(), limits);
    expect([...places.keys()]).toEqual(['__proto__']);
  });

  test('leaves the built-in objects alone, whatever the map says', () => {
    const before = builtInMembers();
    const names = before.flatMap(({ owner, member }) => [
      `variables.${member}`,
      `variables.file.${member}`,
      `variables.files.${member}`,
      `variables.constructor.${member}`,
      `variables.__proto__.${member}`,
      `variables.${owner}.${member}.call`,
    ]);
    for (const path of names) expect(typeof findUploadPlace(body(), path)).toBe('string');
    expect(builtInMembers()).toEqual(before);
  });
});

describe('placeUploads', () => {
  test('puts one upload into every place of its part', async () => {
    const target = body();
    const places = parseMap('{"a":["variables.file","variables.files.1"]}', target, limits);
    placeUploads(places, new Map([['a', 'the file']]));
    const { file, files } = target.variables as { file: unknown; files: unknown[] };
    expect(await GraphQLUpload.parseValue(file)).toBe('the file');
    expect(files[0]).toBeNull();
    expect(files[1]).toBe(file);
  });
});

describe('parseOperations', () => {
  test('keeps the members of a GraphQL request and drops others and nulls', () => {
    const text = '{"query":"q","operationName":null,"variables":{"a":1},"extensions":{"b":2},"id":7}';
    expect(parseOperations(text)).toEqual({ query: 'q', variables: { a: 1 }, extensions: { b: 2 } });
  });

  test.each([
    ['broken JSON', '{', ['json_invalid']],
    ['a batch', '[{"query":"q"}]', ['batch_unsupported']],
    ['null', 'null', ['object_expected']],
    ['a string', '"q"', ['object_expected']],
    [
      'members of the wrong types',
      '{"query":1,"operationName":2,"variables":[],"extensions":"x"}',
      ['type_invalid', 'type_invalid', 'type_invalid', 'type_invalid'],
    ],
  ])('refuses %s', (_what, text, types) => {
    const error = faultOf(() => parseOperations(text));
    expect(error.code).toBe('INVALID_MULTIPART');
    expect(error.details.map((detail) => detail.type)).toEqual(types);
  });

  test('says that batching is not supported', () => {
    expect(faultOf(() => parseOperations('[]')).message).toContain('not supported');
  });
});
