import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import { parse, validate } from 'graphql';
import { maxLinks } from '../src/attachments/change-links.js';
import { maxAttributesBytes, maxDescriptionLength } from '../src/attachments/check-metadata.js';
import { maxFileNameBytes } from '../src/attachments/clean-file-name.js';
import { maxPageSize } from '../src/attachments/page.js';
import { maxExpiresIn } from '../src/auth/attachment-urls.js';
import { permissions } from '../src/auth/viewer.js';
import { loadConfig, settingDescriptions } from '../src/config.js';
import { errorTable } from '../src/errors.js';
import { createSchema } from '../src/graphql/schema.js';
import { maxJsonBodySize } from '../src/http/server.js';
import { startService, type TestService } from './support/service.js';
import { describeWithProgram } from './support/skip-without.js';
import { readSources, repositoryRoot } from './support/source-files.js';
import { makeTemporaryDirectory } from './support/temporary-directory.js';

const run = promisify(execFile);
const readme = readFileSync(join(repositoryRoot, 'README.md'), 'utf8');
const exampleOrigin = 'http://127.0.0.1:4000';
const exampleContent = 'Hello, Claimcheck.\n';

describe('README.md names what the code has', () => {
  test('settings, their defaults and their meanings', () => {
    const rows = tableOf('name');
    const isValue = (preset = '') => preset.startsWith('`');
    const described = rows.map(([name, preset, meaning]) => ({
      name: unquote(name),
      meaning: isValue(preset) ? meaning : meaning?.replace(/\.$/, `; default: ${preset}.`),
    }));
    expect(described).toEqual(settingDescriptions);
    for (const [name, preset] of rows.filter(([, preset]) => isValue(preset))) {
      const config = loadConfig({ [unquote(name)]: unquote(preset) });
      expect({ name, config }).toEqual({ name, config: loadConfig({}) });
    }
  });

  test('error codes, their statuses and their meanings', () => {
    const named = tableOf('code').map(([code, status, message]) => [
      unquote(code),
      { status: Number(status), message },
    ]);
    expect(Object.fromEntries(named)).toEqual(errorTable);
  });

  test('error codes that no request meets', () => {
    const sentence = /^In the schema, but the answer to no request in this version: (.*)$/m.exec(readme)?.[1];
    const named = [...(sentence ?? '').matchAll(/`(\w+)`/g)].map(([, code]) => code ?? '');
    const texts = reachableSources();
    const unused = Object.keys(errorTable).filter((code) =>
      texts.every((text) => !text.includes(`'${code}'`)),
    );
    // The code throws these two as well; whether a client can bring that about is for a reader to judge.
    const judged = ['DOCUMENT_KEY_UNKNOWN', 'NOT_APPROVED'];
    expect(named.filter((code) => !judged.includes(code)).toSorted()).toEqual(unused.toSorted());
  });

  test('permissions', () => {
    const named = tableOf('permission').flatMap(([names]) => (names ?? '').split(', ').map(unquote));
    expect(named).toEqual([...permissions]);
  });

  test('folders of src, and the files beside them', () => {
    const named = treeOf('src/');
    const entries = readdirSync(join(repositoryRoot, 'src'), { recursive: true, withFileTypes: true })
      .map((entry) => ({ entry, path: join(entry.parentPath, entry.name).slice(repositoryRoot.length + 1) }))
      .filter(({ entry, path }) => entry.isDirectory() || path.split('/').length === 2)
      .map(({ entry, path }) => (entry.isDirectory() ? `${path}/` : path));
    expect(named.toSorted()).toEqual(entries.toSorted());
  });

  test('limits', () => {
    const limits = tableOf('what').flat().join(' ');
    const bounds = [maxLinks, maxPageSize, maxFileNameBytes, maxDescriptionLength, maxAttributesBytes];
    for (const bound of [...bounds, maxExpiresIn, maxJsonBodySize]) {
      expect(limits).toContain(` ${bound.toLocaleString('en-US')}`);
    }
  });

  test('npm scripts, and files that it links to', () => {
    const { scripts } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = [...readme.matchAll(/npm (?:run (\S+?)|(start|test))(?=[\s`])/g)].map(([, a, b]) => a ?? b);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !scripts[name ?? ''])).toEqual([]);
    const links = [...readme.matchAll(/\]\((?!https:)([^)]+)\)/g)].map(([, path]) => path ?? '');
    expect(links.filter((path) => !existsSync(join(repositoryRoot, path)))).toEqual([]);
  });

  test('fields, arguments and types of the schema', () => {
    const schema = createSchema();
    const inScripts = blocks('js').flatMap((text) => [...text.matchAll(/`((?:query|mutation)[^`]*)`/g)]);
    const operations = [...blocks('graphql'), ...inScripts.map(([, text]) => text ?? '')];
    expect(operations.length).toBeGreaterThan(6);
    for (const operation of operations) {
      const faults = validate(schema, parse(operation)).map(({ message }) => message);
      expect({ operation, faults }).toEqual({ operation, faults: [] });
    }
  });
});

describe('README.md shows what the service does', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  test('its operations, one after the other', async () => {
    const ids = new Map<string, string>();
    const uploaded = async (example: string) => {
      const id = ids.get(example) ?? (await service.client.upload({ content: exampleContent })).id;
      ids.set(example, id);
      return id;
    };
    const first = exampleAnswer('data').match(uuid)?.[0] ?? '';
    const done: string[] = [];
    for (const { query, variables } of operationsInOrder()) {
      let text = variables ?? JSON.stringify({ id: first });
      for (const [example] of text.matchAll(uuid)) text = text.replace(example, await uploaded(example));
      const given = JSON.parse(text) as object;
      const { errors } = query.includes('$file')
        ? await service.client.multipart(
            { query, variables: { file: null } },
            [{ content: exampleContent }],
            { 0: ['variables.file'] },
          )
        : await service.client.graphql(query, given);
      expect({ query, given, errors }).toEqual({ query, given, errors: undefined });
      done.push(/\w+ (\w+)/.exec(query)?.[1] ?? '');
    }
    expect(done).toEqual(['Create', 'Claim', 'Link', 'Link', 'Link', 'Field', 'List', 'Fetch', 'Delete']);
  });

  test('its routes', async () => {
    for (const [route] of tableOf('route')) {
      const [method = '', path = ''] = unquote(route).split(' ');
      const { status } = await fetch(new URL(path, service.url), { method });
      expect({ route, isThere: status !== 404 }).toEqual({ route, isThere: true });
    }
  });

  describeWithProgram('curl', 'apt-get install curl', (curl) => {
    test('its first upload', async () => {
      expect(masked(await pasteUpload(curl, service))).toEqual(masked(exampleAnswer('data')));
    });

    test('its example of an error', async () => {
      await using strict = await startService({ MAX_FILE_SIZE: '10' });
      expect(masked(await pasteUpload(curl, strict))).toEqual(masked(exampleAnswer('errors')));
    });
  });

  const [common = '', ...scripts] = blocks('js');
  test.each(['@apollo/client', '@urql/core', 'fetch'])('its client with %s', async (name) => {
    const script = scripts.find((text) => text.includes(`from '${name}'`) || text.includes(`${name}(`));
    const given = `const key = ${JSON.stringify(service.key)};
      const file = new File([${JSON.stringify(exampleContent)}], 'hello.txt');`;
    const code = [given, common.replaceAll(exampleOrigin, service.url), script].join('\n');
    const node = [
      process.execPath,
      ['--input-type=module', '--eval', code],
      { cwd: repositoryRoot },
    ] as const;
    const { stdout } = await run(...node);
    expect(await (await service.client.download(stdout.trim())).text()).toBe(exampleContent);
  });
});

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** The texts of all code blocks of one language, in order. */
function blocks(language: string): string[] {
  return codeBlocks().flatMap((block) => (block.language === language ? [block.text] : []));
}

function codeBlocks(): { language: string; text: string }[] {
  const found = readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
  return [...found].map(([, language = '', text = '']) => ({ language, text }));
}

/** Every operation with each line of variables that stands below it; null where none does. */
function operationsInOrder(): { query: string; variables: string | null }[] {
  const all = codeBlocks();
  return all.flatMap(({ language, text: query }, index) => {
    if (language !== 'graphql') return [];
    const next = all[index + 1];
    const lines = next?.language === 'jsonl' ? next.text.trim().split('\n') : [null];
    return lines.map((variables) => ({ query, variables }));
  });
}

/** The JSON block with this member. */
function exampleAnswer(member: 'data' | 'errors'): string {
  return blocks('json').find((text) => member in (JSON.parse(text) as object)) ?? '';
}

/** Pastes the example of an upload into a shell, with the service's own key and address. */
async function pasteUpload(curl: string, service: TestService): Promise<string> {
  const script = blocks('sh').find((text) => text.includes('curl ')) ?? '';
  const filled = script
    .replace(/^KEY=.*$/m, `KEY=${service.key}`)
    .replaceAll(exampleOrigin, service.url)
    .replaceAll('curl ', `${curl} `);
  const directory = await makeTemporaryDirectory();
  const { stdout } = await run('bash', ['-c', filled], { cwd: directory });
  await rm(directory, { recursive: true });
  return stdout;
}

/** An answer without what differs from one service, file and moment to the next. */
function masked(answer: string): unknown {
  const text = answer
    .replace(uuid, '<id>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<instant>')
    .replace(/http:\/\/127\.0\.0\.1:\d+/g, '<origin>');
  return JSON.parse(text);
}

/** The texts of the files that the command imports, itself or by way of others, but for the table of errors. */
function reachableSources(): string[] {
  const sources = new Map(readSources('src').map(({ path, text }) => [path, text]));
  const reached = new Set(['src/main.ts']);
  for (const path of reached)
    for (const [, target = ''] of (sources.get(path) ?? '').matchAll(/from '(\.[^']+)\.js'/g))
      reached.add(`${posix.join(posix.dirname(path), target)}.ts`);
  return [...reached].flatMap((path) => (path === 'src/errors.ts' ? [] : (sources.get(path) ?? [])));
}

/** The rows below the header of the table whose first column has this heading. */
function tableOf(heading: string): string[][] {
  const [, rows = ''] =
    new RegExp(`^\\| ${heading} \\|.*\\n\\|[-|]+\\n((?:\\|.*\\n)+)`, 'm').exec(readme) ?? [];
  const lines = rows.trim().split('\n');
  return lines.map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));
}

/** The paths drawn below `root`, which stands at the margin; those of folders end in a slash. */
function treeOf(root: string): string[] {
  const lines = (blocks('').find((text) => text.startsWith(root)) ?? '').split('\n').slice(1);
  const below = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith(' ')),
  );
  const parents = [root];
  return below.map((line) => {
    const [, indent = '', name = ''] = /^( +)(\S+)/.exec(line) ?? [];
    const depth = indent.length / 2;
    const path = `${parents[depth - 1] ?? ''}${name}`;
    parents[depth] = path;
    return path;
  });
}

function unquote(cell = ''): string {
  return cell.replace(/^`|`$/g, '');
}
