import { readFileSync } from 'node:fs';

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
  /** The text of the policies file that it shows; null where it shows none. */
  policies: string | null;
}

/** Reads a page by its path from the root of the repository, such as `docs/light.md`. */
export function readPage(path: string): DocPage {
  const text = readFileSync(path, 'utf8');
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
