import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { maxAttributesBytes } from '../../../src/attachments/check-creation.js';
import { maxDescriptionLength } from '../../../src/attachments/descriptions.js';
import { maxExpiresIn } from '../../../src/auth/attachment-urls.js';
import { operationNeeds, permissions, routeNeeds } from '../../../src/auth/viewer.js';
import { loadConfig, settingDescriptions } from '../../../src/config/config.js';
import { maxFileNameLength } from '../../../src/content-types/file-names.js';
import { maxPageSize } from '../../../src/database/page.js';
import { errorCodes, errorTable, isRetryable } from '../../../src/errors.js';
import { faultTypes } from '../../../src/fault-types.js';
import { maxLinks } from '../../../src/links/change-links.js';
import { renderingLimits } from '../../../src/markdown/rendering.js';
import { maxReasonLength } from '../../../src/verdicts/reconsider.js';
import { maxUriLength, maxWebhooks } from '../../../src/webhooks/check-webhooks.js';
import { maxEndpoints } from '../../../src/webhooks/endpoints.js';
import { quotedIn, readPage, readPages, sectionOf, tableOf, unquote } from '../../support/doc-page.js';
import { readSources, repositoryRoot } from '../../support/source-files.js';

const sources = { src: readSources('src'), test: readSources('test') };
const readText = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');
const [api, architecture, credentials, errors, operators, settings] = [
  'api',
  'architecture',
  'credentials',
  'errors',
  'operators',
  'settings',
].map((name) => readPage(`docs/${name}.md`)) as [Page, Page, Page, Page, Page, Page];

type Page = ReturnType<typeof readPage>;

describe('docs/settings.md and .env.example', () => {
  const isValue = (preset = '') => preset.startsWith('`');

  test('the table has all settings, their defaults and their meanings', () => {
    const rows = tableOf(settings, 'name');
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

  test('the example has all settings, their defaults and their meanings', () => {
    const lines = [...readText('.env.example').matchAll(/^# (.*)\n#([A-Z]\w*)=(.*)$/gm)];
    const told = lines.map(([, meaning, name, preset]) => ({ name, meaning, preset }));
    expect(told).toEqual(settingDescriptions.map((one) => ({ ...one, preset: one.preset ?? '' })));
  });
});

describe('docs/errors.md', () => {
  test('codes, their statuses and their messages', () => {
    const read = ([code, status, message]: string[]) => [unquote(code), { status: Number(status), message }];
    const table = Object.entries(errorTable).map(([code, { status, message }]) => [
      code,
      { status, message },
    ]);
    expect(Object.fromEntries(tableOf(errors, 'code | HTTP').map(read))).toEqual(Object.fromEntries(table));
  });

  test('the codes after which the same request may succeed, and VERSION_CONFLICT, which needs other input', () => {
    const told = tableOf(errors, 'code | retry').flatMap(([codes = '']) => quotedIn(codes));
    expect(told.toSorted()).toEqual([...errorCodes.filter(isRetryable), 'VERSION_CONFLICT'].toSorted());
  });

  test('a section for each code', () => {
    const headings = [...errors.text.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(Object.keys(errorTable));
  });

  test('a request can meet each code', () => {
    const source = reachableSources();
    const isMet = (code: string) => code in faultTypes || source.includes(`'${code}'`);
    expect(Object.keys(errorTable).filter((code) => !isMet(code))).toEqual([]);
  });

  test.each(Object.entries(faultTypes))('every fault type of %s, and no other', (code, types) => {
    const section = { text: sectionOf(errors, code) };
    const documented = tableOf(section, 'type').flatMap(([names = '']) => quotedIn(names));
    expect(documented.toSorted()).toEqual(Object.keys(types).toSorted());
  });
});

describe('docs/credentials.md', () => {
  test('permissions, and what needs them', () => {
    const told = tableOf(credentials, 'permission').map((row) => quotedIn(row.join(' ')));
    const fields = Object.values(operationNeeds).flatMap((needs) => Object.entries(needs));
    const routes = Object.entries(routeNeeds).map(
      ([route, need]) => [route.replace(':id', '{id}').replace('/*', '/{anyName}'), need ?? []] as const,
    );
    const expected = permissions.map((permission) => {
      const needing = [...fields, ...routes].filter(([, need]) => need?.some((one) => one === permission));
      return [permission, ...needing.map(([name]) => name)];
    });
    expect(told).toEqual(expected);
  });
});

describe('docs/api.md', () => {
  test('routes', () => {
    const found = sources.src.flatMap(({ path, text }) => [
      ...(path.startsWith('src/http/') ? text : '').matchAll(
        /(?:url: |\.(?:get|put)(?:<.+>)?\()'(\/[^']*)'/g,
      ),
    ]);
    const shape = (path = '') => path.replace(/:\w+|\{\w+\}/g, '*');
    const paths = new Set(tableOf(api, 'route').map(([route]) => shape(unquote(route).split(' ')[1])));
    expect([...paths].toSorted()).toEqual([...new Set(found.map(([, path]) => shape(path)))].toSorted());
  });
});

describe('docs/operators.md', () => {
  test('limits', () => {
    const told = Object.fromEntries(tableOf(operators, 'what').map(([what = '', limit]) => [what, limit]));
    const { htmlLength, levels, milliseconds } = renderingLimits;
    const show = (bound: number) => bound.toLocaleString('en-US');
    expect(told).toMatchObject({
      'a list in an input; the ids of `linkAttachments`': `100 items; ${show(maxLinks)}`,
      "the reason of a release; a webhook's address; webhooks of an upload; webhook endpoints of an organization": `${show(maxReasonLength)} characters; ${show(maxUriLength)}; ${maxWebhooks}; ${maxEndpoints}`,
      'a description; metadata attributes': `${show(maxDescriptionLength)} characters; ${show(maxAttributesBytes)} bytes of JSON`,
      "a description's HTML; levels of nesting; computing time to render it": `${show(htmlLength)} characters; ${levels}; ${show(milliseconds)} milliseconds`,
      'attachments in a field; a page (`first`, `last`)': `${show(maxLinks)}, or the policy's \`maxCount\`; ${show(maxPageSize)}`,
      'a file name': expect.stringContaining(`${maxFileNameLength} characters`),
      'the life of a signed URL (`expiresIn`)': expect.stringContaining(`${show(maxExpiresIn)} seconds`),
    });
  });

  test('systemd and Docker wait longer for a stop than it takes at most', () => {
    const { shutdownTimeoutMs } = loadConfig({});
    const [, unit] = /^TimeoutStopSec=(\d+)$/m.exec(operators.text) ?? [];
    const [, compose] = /^ {2}stop_grace_period: (\d+)s$/m.exec(readText('compose.yaml')) ?? [];
    for (const seconds of [unit, compose]) expect(Number(seconds) * 1_000).toBeGreaterThan(shutdownTimeoutMs);
  });

  test('a volume that all processes of compose.yaml share holds what they keep in DATA_DIR', () => {
    const [, folder = ''] = / DATA_DIR=(\S+)/.exec(readText('Dockerfile')) ?? [];
    const [ofAll = '', rest = ''] = readText('compose.yaml').split('\nservices:\n');
    expect(ofAll).toContain(`\n  volumes: ["data:${folder}"]\n`);
    expect(rest).toMatch(/\nvolumes:\n(?: {2}\w+:\n)* {2}data:\n/);
  });

  test('metrics and their labels', () => {
    const metric =
      /name: '(claimcheck_\w+)',\s+help: [^,]*(?:,[^,]*?)*?,\s+(?:labelNames: \[([^\]]*)\]|registers)/g;
    const found = sources.src.flatMap(({ text }) =>
      [...text.matchAll(metric)].map(([, name, labels = '']) => [name, labels.match(/\w+/g) ?? []]),
    );
    const told = tableOf(operators, 'metric')
      .filter(([name]) => name?.startsWith('`claimcheck_'))
      .map(([name, labels = '']) => [unquote(name), labelsIn(labels)]);
    expect(told.map(([name]) => name)).toHaveLength(found.length);
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(found));
  });

  test('a chapter on every command, with each of its options', () => {
    const command = sources.src.filter(({ path }) => /^src\/(main|command\/[^/]*)\.ts$/.test(path));
    const commands = command.flatMap(({ text }) => topCommands(text));
    const told = tableOf(operators, 'command').map(([command]) =>
      unquote(command).replace('claimcheck ', ''),
    );
    expect(told.toSorted()).toEqual(commands.toSorted());
    for (const name of commands) sectionOf(operators, `claimcheck ${name}`);
    const options = command.flatMap(({ text }) => [
      ...text.matchAll(/option\(\s*['`](--[a-z-]+)/g),
      ...text.matchAll(/jsonOption = \['(--json)'/g),
    ]);
    const chapters = sectionOf(operators, 'Commands');
    expect(options.map(([, option = '']) => option).filter((option) => !chapters.includes(option))).toEqual(
      [],
    );
  });

  test('docs/client.md tells each command for people, and its options', () => {
    const { text } = readPage('docs/client.md');
    const code = sources.src.flatMap((one) => (one.path.startsWith('src/command/remote/') ? one.text : []));
    const commands = code.flatMap((one) => [...one.matchAll(/remote\('(\w+)/g)].map(([, name]) => name));
    const told = [...text.matchAll(/^\| `([a-z]+)\b/gm)].map(([, name]) => name);
    expect(commands.length).toBeGreaterThan(7);
    expect(told).toEqual(expect.arrayContaining(commands));
    const options = code.flatMap((one) => [...one.matchAll(/'(?:-\w, )?(--[a-z-]+)(?: <|')/g)]);
    expect(options.length).toBeGreaterThan(9);
    expect(options.flatMap(([, option = '']) => (text.includes(option) ? [] : option))).toEqual([]);
  });
});

describe('docs/architecture.md and CONTRIBUTING.md', () => {
  test.each(['src/', 'test/'] as const)(
    'the tree has the folders of %s, and the files beside them',
    (root) => {
      const inTree = treeOf(architecture, root);
      const depth = root === 'src/' ? Infinity : 3;
      const found = sources[root === 'src/' ? 'src' : 'test'].map(({ path }) => {
        const folder = posix.dirname(path).split('/').slice(0, depth).join('/');
        return `${folder}/` === root ? path : `${folder}/`;
      });
      const shown = found.filter((path) => root === 'src/' || !/\/(unit|service|system)\/./.test(path));
      const tops = root === 'src/' ? [] : ['test/engines/', 'test/service/', 'test/system/', 'test/unit/'];
      expect(inTree.toSorted()).toEqual([...new Set([...shown, ...tops])].toSorted());
    },
  );

  test('every path that they name is there', () => {
    const tracked = [...sources.src, ...sources.test].map(({ path }) => path);
    const isThere = (path: string) => tracked.some((one) => one === path || one.startsWith(path));
    for (const page of [architecture, readPage('CONTRIBUTING.md')]) {
      const named = quotedIn(page.text).filter((text) => /^[\w.-]+\/[\w./-]*$/.test(text));
      const paths = named.map((path) => (/^(src|test|docs|\.ci)\//.test(path) ? path : `src/${path}`));
      const missing = paths.filter((path) => /^(src|test)\//.test(path) && !isThere(path));
      expect(missing.filter((path) => path !== 'src/api/claim' && path !== 'src/api/link')).toEqual([]);
    }
  });

  test('npm scripts', () => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: object };
    const text = readPages()
      .map((page) => page.text)
      .join('\n');
    const named = [...text.matchAll(/npm (?:run ([a-z:]+)|(start|test))(?=[\s`])/g)].map(
      ([, a, b]) => a ?? b,
    );
    const all = ['start', 'test', 'test:one', 'test:engines', 'lint', 'schema', 'typeorm', 'bench'];
    expect(named).toEqual(expect.arrayContaining(all));
    expect(named.filter((name = '') => !Object.hasOwn(scripts, name))).toEqual([]);
  });
});

/** The text of all files that the command imports, itself or by way of others, but for the table of errors. */
function reachableSources(): string {
  const texts = new Map(sources.src.map(({ path, text }) => [path, text]));
  texts.delete('src/errors.ts');
  const reached = new Set(['src/main.ts']);
  for (const path of reached) {
    const imports = (texts.get(path) ?? '').matchAll(/(?:from |import\()'(\.[^']+)\.js'/g);
    for (const [, target = ''] of imports) reached.add(posix.join(posix.dirname(path), `${target}.ts`));
  }
  return [...reached].map((path) => texts.get(path) ?? '').join('\n');
}

/** The names of labels: some have their values behind a colon, or words in parentheses. */
function labelsIn(cell: string): string[] {
  const named = cell.replace(/ \([^)]*\)/g, '').split('; ');
  return named.flatMap((part) => part.split(': ')[0]?.match(/\w+/g) ?? []);
}

/** The names of commands of the first level that a file of the command line makes. */
function topCommands(text: string): string[] {
  const made = [...text.matchAll(/new Command\('(\w+)'\)/g)].map(([, name = '']) => name);
  const ofProgram = [...text.matchAll(/program\s+\.command\('(\w+)'\)/g)].map(([, name = '']) => name);
  return [...made.filter((name) => name !== 'claimcheck'), ...ofProgram];
}

/** The paths drawn below `root`, which stands at the margin; those of folders end in a slash. */
function treeOf({ text }: Page, root: string): string[] {
  const [, below = ''] = new RegExp(`^${root}\\n((?: .*\\n)+)`, 'm').exec(text) ?? [];
  const parents = [root];
  return below.split('\n').flatMap((line) => {
    const [, indent, name] = /^( +)(\S+)/.exec(line) ?? [];
    if (indent === undefined || name === undefined) return [];
    const depth = indent.length / 2;
    parents[depth] = `${parents[depth - 1] ?? ''}${name}`;
    return [parents[depth]];
  });
}
