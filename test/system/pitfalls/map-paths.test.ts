import { type FormPart, graphqlForm } from '../../support/raw-http.js';
import { builtInMembers } from '../../unit/multipart/built-in-members.js';
import { bigContent, mapOne, type Refusal, UploadSession, uploadOne } from './upload-session.js';

let session: UploadSession;

beforeAll(async () => {
  session = await UploadSession.start();
});
beforeEach(() => session.reconnect());
afterAll(() => session.end('map paths'));

const big: FormPart = { content: bigContent };
const operations = {
  ...uploadOne,
  variables: {
    file: null,
    text: 'text',
    number: 1,
    flag: true,
    files: [null, 'text'],
    input: { content: { upload: null } },
  },
};
const invalid = (...faults: string[]): Refusal => ({ status: 400, code: 'INVALID_MULTIPART', faults });

async function expectPathsRefused(paths: string[], faults: string[]): Promise<void> {
  const before = builtInMembers();
  await session.expectRefusal(
    invalid(...faults.map((fault, index) => `map.0.${index}: ${fault}`)),
    session.form(graphqlForm(operations, { 0: paths }, [big])),
  );
  expect(builtInMembers()).toEqual(before);
}

describe('a path that does not start with "variables." is refused', () => {
  test.each([
    '',
    'variables',
    'file',
    'query',
    'operationName',
    'extensions.persistedQuery',
    'extensions.variables.file',
    '0.variables.file',
    '1.variables.file',
    'Variables.file',
    ' variables.file',
    '.variables.file',
    '__proto__.file',
    'constructor.prototype.file',
    'hasOwnProperty.call',
    'map.0',
  ])('%j', (path) => expectPathsRefused([path], ['path_prefix']));
});

describe('a path through what is inherited is refused', () => {
  test.each([
    ['variables.hasOwnProperty', 'path_not_found'],
    ['variables.hasOwnProperty.call', 'path_not_found'],
    ['variables.toString.x', 'path_not_found'],
    ['variables.valueOf', 'path_not_found'],
    ['variables.text.length', 'path_not_found'],
    ['variables.number.toFixed', 'path_not_found'],
    ['variables.files.length', 'path_not_found'],
    ['variables.files.push', 'path_not_found'],
    ['variables.files.-1', 'path_not_found'],
    ['variables.files.2', 'path_not_found'],
    ['variables.constructor', 'path_forbidden'],
    ['variables.constructor.prototype', 'path_forbidden'],
    ['variables.constructor.prototype.file', 'path_forbidden'],
    ['variables.constructor.assign', 'path_forbidden'],
    ['variables.file.prototype', 'path_forbidden'],
    ['variables.__proto__', 'path_forbidden'],
    ['variables.__proto__.file', 'path_forbidden'],
    ['variables.__proto__.toString', 'path_forbidden'],
    ['variables.files.__proto__.map', 'path_forbidden'],
  ])('%s', (path, fault) => expectPathsRefused([path], [fault]));

  test('whatever built-in member it names', async () => {
    const names = [...new Set(builtInMembers().map(({ member }) => member))];
    const paths = names.flatMap((name) => [
      `variables.${name}`,
      `variables.${name}.call`,
      `variables.files.${name}`,
      `variables.__proto__.${name}`,
      `variables.constructor.prototype.${name}`,
    ]);
    expect(paths.length).toBeGreaterThan(200);
    for (let from = 0; from < paths.length; from += 200) {
      const some = paths.slice(from, from + 200);
      const forbidden = /\.(__proto__|prototype|constructor)(\.|$)/;
      const faults = some.map((path) => (forbidden.test(path) ? 'path_forbidden' : 'path_not_found'));
      await expectPathsRefused(some, faults);
    }
  });

  test('if the client has sent a member named __proto__ of its own', async () => {
    const text = JSON.stringify({ ...uploadOne, variables: {} }).replace('{}', '{"__proto__":{"file":null}}');
    const [, ...others] = graphqlForm({}, { 0: ['variables.__proto__.file'] }, [big]);
    const form = session.form([{ name: 'operations', content: text }, ...others]);
    await session.expectRefusal(invalid('map.0.0: path_forbidden'), form);
  });
});

describe('a path that does not end at a null of the variables is refused', () => {
  test.each([
    ['variables.nothing', 'path_not_found'],
    ['variables.file.x', 'path_not_found'],
    ['variables.text.0', 'path_not_found'],
    ['variables.flag.x', 'path_not_found'],
    ['variables.text', 'path_not_null'],
    ['variables.number', 'path_not_null'],
    ['variables.files', 'path_not_null'],
    ['variables.files.1', 'path_not_null'],
    ['variables.input', 'path_not_null'],
    ['variables.input.content', 'path_not_null'],
    ['variables.', 'path_forbidden'],
    ['variables..file', 'path_forbidden'],
    ['variables.file.', 'path_forbidden'],
  ])('%s', (path, fault) => expectPathsRefused([path], [fault]));

  test.each([64, 10_000])('%i segments', async (count) => {
    await expectPathsRefused([`variables${'.a'.repeat(count)}`], ['path_too_long']);
    await expectPathsRefused([`variables${'.'.repeat(count)}`], ['path_too_long']);
  });

  test('variables that there are none of', async () => {
    const { query } = uploadOne;
    const form = (variables: object) => session.form(graphqlForm({ query, ...variables }, mapOne, [big]));
    await session.expectRefusal(invalid('map.0.0: path_not_found'), form({}));
    await session.expectRefusal(invalid('map.0.0: path_not_found'), form({ variables: null }));
    await session.expectRefusal(invalid('operations.variables: type_invalid'), form({ variables: [null] }));
  });

  test('all faulty paths are named in one answer', async () => {
    await expectPathsRefused(
      ['query', 'variables.text', 'variables.toString', 'variables.__proto__'],
      ['path_prefix', 'path_not_null', 'path_not_found', 'path_forbidden'],
    );
  });

  test('the second of two equal paths', async () => {
    const map = { 0: ['variables.file'], 1: ['variables.file'] };
    const form = session.form(graphqlForm(operations, map, [big, big]));
    await session.expectRefusal(invalid('map.1.0: path_duplicate'), form);
  });
});

test.each(['__proto__', 'constructor', 'hasOwnProperty'])('a part may be called %s', async (name) => {
  const before = builtInMembers();
  const map = JSON.parse(`{ "${name}": ["variables.file"] }`);
  const response = await session.post(session.form(graphqlForm(uploadOne, map, [{ ...big, name }])));
  expect(JSON.parse(response.body).data.upload.attachment.size).toBe(bigContent.length);
  expect(builtInMembers()).toEqual(before);
});
