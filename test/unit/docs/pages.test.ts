import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import { parse, validate } from 'graphql';
import { loadConfig } from '../../../src/config/config.js';
import { cleanFileName } from '../../../src/content-types/clean-file-name.js';
import { createSchema } from '../../../src/graphql/schema.js';
import { resolvePolicy } from '../../../src/policies/choose-policy.js';
import { loadPolicies } from '../../../src/policies/load-policies.js';
import { builtInPolicies } from '../../../src/policies/policy.js';
import { startAsOn } from '../../service/recipes/recipe.js';
import { blocksOf, type DocPage, readPage, readPages, tableOf, unquote } from '../../support/doc-page.js';
import type { TestService } from '../../support/service.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const run = promisify(execFile);
const readme = readPage('README.md');
const pages = readPages();
const moving = pages.filter(({ path }) => path.startsWith('docs/moving/'));
const exampleOrigin = 'http://127.0.0.1:4000';
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

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

describeWithProgram('curl', 'apt-get install curl', () => {
  test.each(moving.map((page) => [page.path, page] as const))(
    '%s: what it says to paste answers what it shows',
    async (_path, page) => {
      await using service = await startAsOn(page);
      const directory = await makeTemporaryDirectory();
      const known = new Map<string, string>();
      let shown = 0;
      for (const [index, { language, text }] of page.blocks.entries()) {
        if (language !== 'sh') continue;
        const printed = await paste(fillIn(text, service, known), service, directory);
        const answer = page.blocks[index + 1];
        if (answer?.language === 'json') learn(known, JSON.parse(answer.text), JSON.parse(printed));
        else expect(printed).toBe(answer?.text);
        shown += 1;
      }
      expect(shown).toBeGreaterThan(1);
      await rm(directory, { recursive: true });
    },
  );
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
    expect(calendar).toEqual({ name: 'calendar', maxFileSize: 2_097_152, maxCount: 5, sharing: 'SHARED' });
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

/** Runs one block in a shell, with the service's own key; returns what it prints. */
async function paste(script: string, { key }: TestService, cwd: string): Promise<string> {
  const filled = script.replace(/^KEY=.*$/m, '');
  const env = { PATH: process.env['PATH'], KEY: key };
  return (await run('bash', ['-ec', filled], { cwd, env })).stdout;
}

/** `script` with this run's values in the place of the example's. */
function fillIn(script: string, { url }: TestService, known: ReadonlyMap<string, string>): string {
  const longestFirst = [...known].sort(([one], [other]) => other.length - one.length);
  const filled = longestFirst.reduce((text, [example, actual]) => text.replaceAll(example, actual), script);
  return filled.replaceAll(exampleOrigin, url);
}

/** Compares an answer with the example's, and notes what stands for what. */
function learn(known: Map<string, string>, example: unknown, actual: unknown): void {
  expect(mask(actual)).toEqual(mask(example));
  const values = textsIn(actual);
  for (const [index, text] of textsIn(example).entries()) {
    const value = values[index] ?? '';
    known.set(text, value);
    const ids = value.match(uuid) ?? [];
    for (const [at, id] of (text.match(uuid) ?? []).entries()) known.set(id, ids[at] ?? '');
  }
}

/** Everything in an answer that differs from one run to the next, made the same. */
function mask(answer: unknown): unknown {
  const text = JSON.stringify(answer)
    .replace(uuid, '<id>')
    .replace(/http:\/\/127\.0\.0\.1:\d+/g, '<origin>')
    .replace(/(\/uploads\/<id>\.)[\w-]{43}/g, '$1<signature>')
    .replace(/\d{4}-\d\d-\d\d\/\d\d\//g, '<hour>/');
  return JSON.parse(text);
}

/** The texts in an answer that this run has made up: those that masking changes. In order. */
function textsIn(answer: unknown): string[] {
  if (typeof answer === 'string') return mask(answer) === answer ? [] : [answer];
  return typeof answer === 'object' && answer !== null ? Object.values(answer).flatMap(textsIn) : [];
}
