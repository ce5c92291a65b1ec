import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './source-files.js';

export interface CodeBlock {
  language: string;
  text: string;
}

/** A page of the documentation, and the code that it shows. */
export interface DocPage {
  /** From the root of the repository. */
  path: string;
  text: string;
  /** In order. */
  blocks: CodeBlock[];
  /** The text of the GraphQL operation with this name, which has a block of its own. */
  operation(name: string): string;
  /** The text of the policies file that it shows; null if it shows none. */
  policies: string | null;
}

/** Reads a page by its path from the root of the repository, such as `docs/moving/light.md`. */
export function readPage(path: string): DocPage {
  const text = readFileSync(join(repositoryRoot, path), 'utf8');
  const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', code = '']) => ({
    language,
    text: code,
  }));
  const find = (language: string, pattern: RegExp) =>
    blocks.find((block) => block.language === language && pattern.test(block.text))?.text;
  return {
    path,
    text,
    blocks,
    operation: (name) => {
      const found = find('graphql', new RegExp(`^(?:query|mutation) ${name}\\b`));
      if (found === undefined) throw new Error(`${path} shows no operation named ${name}.`);
      return found;
    },
    policies: find('json', /^\{\s*"(?:policies|recordTypes)"/) ?? null,
  };
}

/** The pages at the root of the repository, and all in docs. */
export function readPages(): DocPage[] {
  const inDocs = readdirSync(join(repositoryRoot, 'docs'), { recursive: true, encoding: 'utf8' });
  const paths = [
    ...readdirSync(repositoryRoot),
    ...inDocs.map((name) => join('docs', name).replaceAll('\\', '/')),
  ];
  return paths
    .filter((path) => path.endsWith('.md'))
    .toSorted()
    .map(readPage);
}

/** The texts of all code blocks of one language, in order. */
export function blocksOf({ blocks }: Pick<DocPage, 'blocks'>, language: string): string[] {
  return blocks.flatMap((block) => (block.language === language ? [block.text] : []));
}

/** The rows of every table whose first columns have these headings, such as `code` or `code | HTTP`. */
export function tableOf({ text }: Pick<DocPage, 'text'>, headings: string): string[][] {
  const head = headings.replaceAll('|', '\\|');
  const tables = text.matchAll(new RegExp(`^\\| ${head} \\|.*\\n\\|[-|]+\\n((?:\\|.*\\n)+)`, 'gm'));
  return [...tables].flatMap(([, rows = '']) =>
    rows
      .trim()
      .split('\n')
      .map((row) =>
        row
          .slice(2, -2)
          .split(/ \|(?= )/)
          .map((cell) => cell.trim()),
      ),
  );
}

/** The part of a page below a heading, down to the next one of the same or a higher level. */
export function sectionOf({ path, text }: Pick<DocPage, 'path' | 'text'>, heading: string): string {
  const [, marks = ''] = new RegExp(`^(#+) ${heading}$`, 'm').exec(text) ?? [];
  const [, section] =
    new RegExp(`^${marks} ${heading}\\n([\\s\\S]*?)(?=^#{1,${marks.length}} |$(?![\\s\\S]))`, 'm').exec(
      text,
    ) ?? [];
  if (marks === '' || section === undefined) throw new Error(`${path} has no heading ${heading}.`);
  return section;
}

/** A cell without its backticks. */
export function unquote(cell = ''): string {
  return cell.replace(/^`|`$/g, '');
}

/** All texts between backticks. */
export function quotedIn(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, quoted = '']) => quoted);
}
