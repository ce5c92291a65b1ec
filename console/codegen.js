/*
 * Makes `console/src/gql/`: types of the schema and of the console's operations. All that the console knows of the API is there.
 * With `--check` nothing is written, and what would change is named.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { parse } from 'graphql';

const folder = import.meta.dirname;
const read = (path) => readFileSync(path, 'utf8');
const operations = join(folder, 'operations.graphql');

/** The files, by their paths. */
export async function generate() {
  const sections = await preset.buildGeneratesSection({
    baseOutputDir: `${join(folder, 'src/gql')}/`,
    schema: parse(read(join(folder, '../schema.graphql'))),
    documents: [
      { location: 'operations.graphql', document: parse(read(operations)), rawSDL: read(operations) },
    ],
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
  const types = sections.filter(({ filename }) => filename.endsWith('graphql.ts'));
  return Promise.all(types.map(async (section) => [section.filename, withoutHead(await codegen(section))]));
}

/** Without the line for a linter that does not read it. */
const withoutHead = (text) => text.replace('/* eslint-disable */\n', '');

const isCheck = process.argv.includes('--check');
for (const [path, text] of await generate()) {
  mkdirSync(dirname(path), { recursive: true });
  if (!isCheck) writeFileSync(path, text);
  else if (read(path) !== text) {
    process.stderr.write(`${path} is not what npm run codegen makes.\n`);
    process.exitCode = 1;
  }
}
