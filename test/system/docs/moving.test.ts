import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { startAsOn } from '../../service/recipes/recipe.js';
import { readPages } from '../../support/doc-page.js';
import type { TestService } from '../../support/service.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const run = promisify(execFile);
/** The page on moving from any system shows a list, not requests; test/system/command/import.test.ts tries it. */
const moving = readPages().filter(
  ({ path }) => path.startsWith('docs/moving/') && path !== 'docs/moving/files.md',
);
const exampleOrigin = 'http://127.0.0.1:4000';
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

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
