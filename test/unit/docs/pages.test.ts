import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { parse, validate } from 'graphql';
import { loadConfig } from '../../../src/config/config.js';
import { cleanFileName } from '../../../src/content-types/file-names.js';
import { createSchema } from '../../../src/graphql/schema.js';
import { builtInPolicies } from '../../../src/policies/check-policy.js';
import { resolvePolicy } from '../../../src/policies/choose-policy.js';
import { loadPolicies } from '../../../src/policies/load-policies.js';
import { blocksOf, type DocPage, readPage, readPages, tableOf, unquote } from '../../support/doc-page.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const readme = readPage('README.md');
const pages = readPages();
const moving = pages.filter(({ path }) => path.startsWith('docs/moving/'));

describe.each(pages.map((one) => [one.path, one] as const))('%s', (_path, one) => {
  test('links to what is there', () => {
    for (const link of linksOf(one)) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? one.path : posix.join(posix.dirname(one.path), path);
      expect({ link, isThere: existsSync(target) }).toEqual({ link, isThere: true });
      if (anchor !== undefined)
        expect({ link, anchors: anchorsOf(readFileSync(target, 'utf8')) }).toMatchObject({
          link,
          anchors: expect.arrayContaining([anchor]),
        });
    }
  });

  test('has the fields, arguments and types of the schema', () => {
    const schema = createSchema();
    const inScripts = blocksOf(one, 'js').flatMap((text) => [
      ...text.matchAll(/`((?:query|mutation|subscription)\b[^`]*)`/g),
    ]);
    const operations = [...blocksOf(one, 'graphql'), ...inScripts.map(([, text]) => text ?? '')];
    for (const operation of operations) {
      const faults = validate(schema, parse(operation)).map(({ message }) => message);
      expect({ operation, faults }).toEqual({ operation, faults: [] });
    }
  });

  test('has no sentence that begins with its condition or a question', () => {
    const prose = one.text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '`');
    const openings = prose.matchAll(/(?:^|[.!?:;] |^- |^\d+\. )(?:\*\*)?(What|Where|Of|So|Whose) .{0,40}/gm);
    expect([...openings].map(([text]) => text)).toEqual([]);
  });
});

test('each promise of docs/guarantees.md names tests that are there', () => {
  const [promises = ''] = readPage('docs/guarantees.md').text.split('## Not guaranteed');
  const told = [...promises.matchAll(/^- .*$/gm)].map(([line]) => line);
  expect(told.length).toBeGreaterThan(12);
  for (const line of told) {
    const tests = [...line.matchAll(/`(test\/\S+\.test\.ts)`/g)].map(([, path = '']) => path);
    const missing = tests.filter((path) => !existsSync(path));
    expect({ line, isShown: tests.length > 0, missing }).toEqual({ line, isShown: true, missing: [] });
  }
});

test('README.md links to every page in docs', () => {
  const linked = new Set(linksOf(readme).map((link) => link.split('#')[0]));
  const inDocs = pages.map(({ path }) => path).filter((path) => path.startsWith('docs/'));
  expect(inDocs.length).toBeGreaterThan(15);
  expect(inDocs.filter((path) => !linked.has(path))).toEqual([]);
});

test('operations stand on the pages that show how to do things', () => {
  const withOperations = pages.filter((one) => blocksOf(one, 'graphql').length > 0).map(({ path }) => path);
  expect(withOperations).toEqual(
    expect.arrayContaining([...moving.map(({ path }) => path), 'docs/api.md', 'docs/webhooks.md']),
  );
});

test('no API key stands in what a browser loads', () => {
  const files = readdirSync('examples').filter((name) => name.endsWith('.html'));
  const html = [
    ...pages.flatMap((one) => blocksOf(one, 'html')),
    ...files.map((name) => readFileSync(join('examples', name), 'utf8')),
  ];
  expect(html.length).toBeGreaterThan(1);
  for (const text of html) expect(text).not.toMatch(/cck_|_KEY|authorization|bearer|\$\{?key/i);
});

describe('docs/clients.md', () => {
  const page = readPage('docs/clients.md');
  const folder = 'test/system/clients/tools';
  const readTool = (name: string) => readFileSync(join(folder, name), 'utf8');

  test('shows each program as it is run, and its settings', () => {
    const notShown = ['modules.d.ts', 'package-lock.json', 'package.json', 'tsconfig.json'];
    const names = readdirSync(folder).filter(
      (name) => /\.(json|tsx?)$/.test(name) && !notShown.includes(name),
    );
    expect(names.length).toBeGreaterThan(10);
    const shown = new Set(['ts', 'tsx', 'json'].flatMap((language) => blocksOf(page, language)));
    expect(names.filter((name) => !shown.has(readTool(name)))).toEqual([]);
  });

  const rows = tableOf(page, 'tool | packages');
  const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, object>;

  test('the versions are those that are tried', () => {
    const tools = readJson(join(folder, 'package.json'));
    const own = readJson('package.json');
    const tried: Record<string, string> = {
      ...own['devDependencies'],
      ...own['dependencies'],
      ...tools['dependencies'],
    };
    const packages = rows.flatMap(([, cell = '']) => cell.split(', '));
    expect(packages.length).toBeGreaterThan(25);
    expect(packages).toEqual(
      packages.map((each) => `\`${/`(.+)`/.exec(each)?.[1]}\` ${tried[/`(.+)`/.exec(each)?.[1] ?? '']}`),
    );
  });

  test('each result is one that a test shows', () => {
    for (const [tool, , result = '', by = ''] of rows) {
      const path = posix.join('docs', /\((.+)\)/.exec(by)?.[1] ?? '');
      const test = path.startsWith(folder) ? `${folder}.test.ts` : path;
      const isShown = readFileSync(test, 'utf8').replaceAll("\\'", "'").includes(result);
      expect({ tool, result, isThere: existsSync(path), isShown }).toEqual({
        ...{ tool, result },
        ...{ isThere: true, isShown: true },
      });
    }
  });
});

describe('docs/policies.md', () => {
  const page = readPage('docs/policies.md');
  const { maxFileSize } = loadConfig({});

  test('the types of calendar are the built-in ones', () => {
    const shown = tableOf(page, 'type | extensions');
    const { acceptedTypes, ...calendar } = builtInPolicies(maxFileSize).get('calendar') ?? {};
    expect(shown).toEqual(
      [...(acceptedTypes ?? [])].map(([type, extensions]) => [type, [...extensions].join(' ')]),
    );
    const match = { extensions: 'match', sharing: 'SHARED' };
    expect(calendar).toEqual({ name: 'calendar', maxFileSize: 2_097_152, maxCount: 5, ...match });
  });

  test('the order of resolution holds for its file', async () => {
    const directory = await makeTemporaryDirectory();
    const path = join(directory, 'policies.json');
    await writeFile(path, page.policies ?? '');
    const book = await loadPolicies(path, maxFileSize);
    await rm(directory, { recursive: true });
    const nameFor = (query: Parameters<typeof resolvePolicy>[1]) => {
      const found = resolvePolicy(book, query);
      return 'policy' in found ? found.policy.name : found.fault.type;
    };
    expect([
      nameFor({ policy: 'pictures', record: { type: 'Event' } }),
      nameFor({ record: { type: 'Document' }, field: 'file' }),
      nameFor({ record: { type: 'Document' }, field: 'other' }),
      nameFor({ record: { type: 'Event' }, field: 'file' }),
      nameFor({ record: { type: 'Unheard' } }),
      nameFor({}),
    ]).toEqual(['pictures', 'single', 'default', 'calendar', 'default', 'default']);
    const others = { policies: book.policies, recordTypes: new Map([...book.recordTypes].slice(0, 1)) };
    expect(resolvePolicy(others, { record: { type: 'Unheard' } })).toMatchObject({
      fault: { type: 'record_type_not_eligible' },
    });
  });

  test('its examples of names are refused for the reasons given', () => {
    const rows = tableOf(page, 'type | refused | example');
    expect(rows).toHaveLength(7);
    for (const [type = '', , example = ''] of rows) {
      const name = example === '256 letters' ? 'x'.repeat(256) : (JSON.parse(unquote(example)) as string);
      expect(cleanFileName(name)).toMatchObject({ fault: { type: unquote(type) } });
    }
  });
});

/** The targets of its links, but for those to other sites. */
function linksOf({ text }: DocPage): string[] {
  return [...text.matchAll(/\]\((?!https:)([^)]+)\)/g)].map(([, link]) => link ?? '');
}

/** The names under which its headings can be linked to. */
function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading.toLowerCase());
  return headings.map((heading) => heading.replace(/[^\w -]/g, '').replaceAll(' ', '-'));
}
