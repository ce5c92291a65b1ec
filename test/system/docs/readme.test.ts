import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import { maxAttributesBytes } from '../../../src/attachments/check-creation.js';
import { maxDescriptionLength } from '../../../src/attachments/descriptions.js';
import { maxExpiresIn } from '../../../src/auth/attachment-urls.js';
import { permissions } from '../../../src/auth/viewer.js';
import { loadConfig, settingDescriptions } from '../../../src/config/config.js';
import { maxFileNameBytes } from '../../../src/content-types/clean-file-name.js';
import { maxPageSize } from '../../../src/database/page.js';
import { errorTable } from '../../../src/errors.js';
import { maxLinks } from '../../../src/links/change-links.js';
import { renderingLimits } from '../../../src/markdown/rendering.js';
import { openLive } from '../../service/live/live-client.js';
import { readPage } from '../../service/recipes/doc-page.js';
import { startService, type TestService } from '../../support/service.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { readSources, repositoryRoot } from '../../support/source-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const run = promisify(execFile);
const readText = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');

const { text: readme, blocks: codeBlocks } = readPage('README.md');
const exampleOrigin = 'http://127.0.0.1:4000';
const exampleContent = 'Hello, Claimcheck.\n';
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

describe('README.md names what the code has', () => {
  test('settings, their defaults and their meanings', () => {
    const rows = tableOf('name');
    const isValue = (preset = '') => preset.startsWith('`');
    const described = rows.map(([name, preset, meaning]) => ({
      name: unquote(name),
      meaning: isValue(preset) ? meaning : meaning?.replace(/\.$/, `; default: ${preset}.`),
    }));
    expect(described).toEqual(settingDescriptions.map(({ name, meaning }) => ({ name, meaning })));
    for (const [name, preset] of rows.filter(([, preset]) => isValue(preset))) {
      const config = loadConfig({ [unquote(name)]: unquote(preset) });
      expect({ name, config }).toEqual({ name, config: loadConfig({}) });
    }
  });

  test('error codes, their statuses and their meanings', () => {
    const read = ([code, status, message]: string[]) => [unquote(code), { status: Number(status), message }];
    expect(Object.fromEntries(tableOf('code').map(read))).toEqual(errorTable);
  });

  test('no error code that no request meets', () => {
    const source = reachableSources();
    expect(Object.keys(errorTable).filter((code) => !source.includes(`'${code}'`))).toEqual([]);
  });

  test('permissions', () => {
    const named = tableOf('permission').flatMap(([names = '']) => names.split(', ').map(unquote));
    expect(named).toEqual([...permissions]);
  });

  test('folders of src, and the files beside them', () => {
    const folders = readSources('src').map(({ path }) => [path, posix.dirname(path)] as const);
    const found = folders.map(([path, folder]) => (folder === 'src' ? path : `${folder}/`));
    expect(treeOf('src/').toSorted()).toEqual([...new Set(found)].toSorted());
  });

  test('routes', () => {
    const found = readSources('src/http').flatMap(({ text }) => [
      ...text.matchAll(/(?:url: |\.(?:get|put)(?:<.+>)?\()'(\/[^']+)'/g),
    ]);
    const shape = (path = '') => path.replace(/:\w+|\{\w+\}/g, '*');
    const paths = new Set(tableOf('route').map(([route]) => shape(unquote(route).split(' ')[1])));
    expect([...paths].toSorted()).toEqual(found.map(([, path]) => shape(path)).toSorted());
  });

  test('limits', () => {
    const limits = tableOf('what').flat().join(' ');
    const { htmlLength, levels, milliseconds } = renderingLimits;
    const rendering = [htmlLength, levels, milliseconds];
    const lengths = [maxFileNameBytes, maxDescriptionLength, maxAttributesBytes, ...rendering];
    for (const bound of [...lengths, maxLinks, maxPageSize, maxExpiresIn]) {
      expect(limits).toContain(` ${bound.toLocaleString('en-US')}`);
    }
  });

  test('npm scripts', () => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: object };
    const named = [...readme.matchAll(/npm (?:run (\S+?)|(start|test))(?=[\s`])/g)].map(([, a, b]) => a ?? b);
    expect(named).toEqual(expect.arrayContaining(['start', 'test', 'lint', 'schema', 'typeorm', 'bench']));
    expect(named.filter((name = '') => !Object.hasOwn(scripts, name))).toEqual([]);
  });
});

describe('README.md shows what the service does', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  test('its operations, one after the other', async () => {
    const example = { id: exampleAnswer('data').match(uuid)?.[0] };
    const ids = new Map<string, string>();
    const done: string[] = [];
    for (const { query, variables } of operationsInOrder()) {
      const text = await withUploads(service, ids, variables ?? JSON.stringify(example));
      const { errors } = query.startsWith('subscription')
        ? await subscribeOnce(service, query, JSON.parse(text) as Record<string, unknown>)
        : query.includes('$file')
          ? await service.client.multipart(
              { query, variables: { file: null } },
              [{ content: exampleContent }],
              {
                0: ['variables.file'],
              },
            )
          : await service.client.graphql(query, JSON.parse(text) as object);
      expect({ query, text, errors }).toEqual({ query, text, errors: undefined });
      done.push(/\w+ (\w+)/.exec(query)?.[1] ?? '');
    }
    expect(done).toEqual([
      'Create',
      'Target',
      'Accepted',
      'Claim',
      'Link',
      'Link',
      'Link',
      'Field',
      'List',
      'Fetch',
      'Hold',
      'Changed',
      'Change',
      'Delete',
      'CreateKey',
      'Log',
    ]);
  });

  describeWithProgram('curl', 'apt-get install curl', () => {
    test('its first upload, and how it is refused', async () => {
      await using strict = await startService({ MAX_FILE_SIZE: '10' });
      expect(masked(await pasteUpload(service))).toEqual(masked(exampleAnswer('data')));
      expect(masked(await pasteUpload(strict))).toEqual(masked(exampleAnswer('errors')));
    });
  });

  const [common = '', ...scripts] = blocks('js');
  test.each(['@apollo/client', '@urql/core', 'fetch'])('its client with %s', async (name) => {
    const script = scripts.find((text) => text.includes(`from '${name}'`) || text.includes(`${name}(`));
    const given = `const key = ${JSON.stringify(service.key)};
      const file = new File([${JSON.stringify(exampleContent)}], 'hello.txt');`;
    const code = [given, common.replaceAll(exampleOrigin, service.url), script].join('\n');
    const options = ['--input-type=module', '--eval', code];
    const { stdout } = await run(process.execPath, options, { cwd: repositoryRoot });
    expect(await (await service.client.download(stdout.trim())).text()).toBe(exampleContent);
  });
});

/** The texts of all code blocks of one language, in order. */
function blocks(language: string): string[] {
  return codeBlocks.flatMap((block) => (block.language === language ? [block.text] : []));
}

/** Every operation with each line of variables that stands right below it; null where none does. */
function operationsInOrder(): { query: string; variables: string | null }[] {
  return codeBlocks.flatMap(({ language, text: query }, index) => {
    if (language !== 'graphql') return [];
    const next = codeBlocks[index + 1];
    const lines = next?.language === 'jsonl' ? next.text.trim().split('\n') : [null];
    return lines.map((variables) => ({ query, variables }));
  });
}

/** `text` with an upload's id in the place of each example's; `ids` remembers which stands for which. */
async function withUploads(service: TestService, ids: Map<string, string>, text: string): Promise<string> {
  for (const [example] of text.matchAll(uuid)) {
    if (!ids.has(example)) ids.set(example, (await service.client.upload({ content: exampleContent })).id);
  }
  return text.replace(uuid, (example) => ids.get(example) ?? example);
}

/** Whether a subscription is accepted. */
async function subscribeOnce({ url, key }: TestService, query: string, variables: Record<string, unknown>) {
  const live = await openLive(url, key);
  const { errors } = live.subscribe({ query, variables });
  await live.settled();
  live.close();
  return { errors: errors.length > 0 ? errors : undefined };
}

/** The JSON block with this member. */
function exampleAnswer(member: 'data' | 'errors'): string {
  return blocks('json').find((text) => member in (JSON.parse(text) as object)) ?? '';
}

/** Pastes the example of an upload into a shell, with the service's own key and address; returns what it prints. */
async function pasteUpload({ key, url }: TestService): Promise<string> {
  const script = blocks('sh').find((text) => text.includes('curl ')) ?? '';
  const filled = script.replace(/^KEY=.*$/m, `KEY=${key}`).replaceAll(exampleOrigin, url);
  const directory = await makeTemporaryDirectory();
  const { stdout } = await run('bash', ['-c', filled], { cwd: directory });
  await rm(directory, { recursive: true });
  return stdout;
}

/** An answer without what differs from one service, file and moment to the next. */
function masked(answer: string): unknown {
  const text = answer.replace(uuid, '<id>').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<instant>');
  return JSON.parse(text.replace(/http:\/\/127\.0\.0\.1:\d+/g, '<origin>'));
}

/** The text of all files that the command imports, itself or by way of others, but for the table of errors. */
function reachableSources(): string {
  const sources = new Map(readSources('src').map(({ path, text }) => [path, text]));
  sources.delete('src/errors.ts');
  const reached = new Set(['src/claimcheck.cts']);
  for (const path of reached) {
    const imports = (sources.get(path) ?? '').matchAll(/(?:from |import\()'(\.[^']+)\.js'/g);
    for (const [, target = ''] of imports) reached.add(posix.join(posix.dirname(path), `${target}.ts`));
  }
  return [...reached].map((path) => sources.get(path) ?? '').join('\n');
}

/** The rows below the header of the table whose first column has this heading. */
function tableOf(heading: string): string[][] {
  const table = new RegExp(`^\\| ${heading} \\|.*\\n\\|[-|]+\\n((?:\\|.*\\n)+)`, 'm').exec(readme);
  const lines = (table?.[1] ?? '').trim().split('\n');
  return lines.map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));
}

/** The paths drawn below `root`, which stands at the margin; those of folders end in a slash. */
function treeOf(root: string): string[] {
  const [, below = ''] = new RegExp(`^${root}\\n((?: .*\\n)+)`, 'm').exec(readme) ?? [];
  const parents = [root];
  return below.split('\n').flatMap((line) => {
    const [, indent, name] = /^( +)(\S+)/.exec(line) ?? [];
    if (indent === undefined || name === undefined) return [];
    const depth = indent.length / 2;
    parents[depth] = `${parents[depth - 1] ?? ''}${name}`;
    return [parents[depth]];
  });
}

function unquote(cell = ''): string {
  return cell.replace(/^`|`$/g, '');
}
