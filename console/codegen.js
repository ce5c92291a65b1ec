/*
 * Makes `graphql.ts` beside each `operations.graphql` below `console/src/`: the types of those operations, and the operations as
 * documents. All that the console knows of the API is there. With `--check` nothing is written, and what would change is named.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { parse } from 'graphql';

const sources = join(import.meta.dirname, 'src');
const schema = parse(readFileSync(join(import.meta.dirname, '../schema.graphql'), 'utf8'));

/** The generated file's path, and its text. */
async function generate(operations) {
  const rawSDL = readFileSync(operations, 'utf8');
  const sections = await preset.buildGeneratesSection({
    baseOutputDir: `${dirname(operations)}/`,
    schema,
    documents: [{ location: operations, document: parse(rawSDL), rawSDL }],
    presetConfig: { fragmentMasking: false },
    config: {
      enumsAsTypes: true,
      useTypeImports: true,
      skipTypename: true,
      scalars: {
        DateTime: 'string',
        JSONObject: 'Record<string, unknown>',
        SafeInt: 'number',
        URL: 'string',
        Upload: 'File',
      },
    },
    plugins: [],
    pluginMap: {},
    profiler: { run: (work) => work() },
  });
  const section = sections.find(({ filename }) => filename.endsWith('graphql.ts'));
  // The first line is for a linter that does not read it.
  return [section.filename, (await codegen(section)).replace('/* eslint-disable */\n', '')];
}

const read = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};

const isCheck = process.argv.includes('--check');
const found = readdirSync(sources, { recursive: true }).filter((name) => name.endsWith('operations.graphql'));
for (const name of found.sort()) {
  const [path, text] = await generate(join(sources, name));
  if (!isCheck) writeFileSync(path, text);
  else if (read(path) !== text) {
    process.stderr.write(`${path} is not what npm run codegen makes.\n`);
    process.exitCode = 1;
  }
}
