import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const schema = '../../../../schema.graphql';

/** Programs that generate code, with their options, as a project's own scripts run them. */
export const generators = [
  ['relay-compiler', 'relay.config.json'],
  ['graphql-codegen', '--config', 'codegen.json'],
  ['gql.tada', 'generate-output', '--tsconfig', 'tada.tsconfig.json'],
  ['genql', '--schema', schema, '--output', 'build/genql', '--esm'],
] as const satisfies readonly (readonly [string, ...string[]])[];

interface Babel {
  transformAsync(text: string, options: object): Promise<{ code: string }>;
}

/** Puts what relay-compiler has made in the place of each operation, as Relay's own plugin for Babel does. */
function relayPlugin(folder: string): Plugin {
  const babel = createRequire(join(folder, 'package.json'))('@babel/core') as Babel;
  const plugin = ['relay', { artifactDirectory: join(folder, 'build/relay'), eagerEsModules: true }];
  return {
    name: 'relay',
    setup: ({ onLoad }) =>
      onLoad({ filter: /[\\/]relay\.tsx$/ }, async ({ path }) => {
        const options = {
          filename: path,
          cwd: folder,
          configFile: false,
          plugins: [plugin],
          parserOpts: { plugins: ['typescript', 'jsx'] },
        };
        const { code } = await babel.transformAsync(await readFile(path, 'utf8'), options);
        return { contents: code, loader: 'tsx' };
      }),
  };
}

/** One program as a script: for a browser with all of its packages, whose exports are then in `tool`. */
export async function bundleTool(
  folder: string,
  name: string,
  platform: 'browser' | 'node',
): Promise<string> {
  const inBrowser = platform === 'browser';
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: [`./${name}`],
    bundle: true,
    write: false,
    platform,
    packages: inBrowser ? 'bundle' : 'external',
    format: inBrowser ? 'iife' : 'esm',
    globalName: 'tool',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: name === 'relay' ? [relayPlugin(folder)] : [],
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}
