import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The bundle, or this file alone if it is not bundled. */
const own = fileURLToPath(import.meta.url);
let sources: SourceMap | null = null;

/** Has a stack trace of the bundle point at the lines of the TypeScript. The first call reads the source map. */
export function withOriginalLines(stack: string): string {
  if (!stack.includes(own)) return stack;
  return stack.replaceAll(/([^\s()]+):(\d+):(\d+)/g, (place, file: string, line: string, column: string) =>
    file === own ? (originOf(Number(line), Number(column)) ?? place) : place,
  );
}

function originOf(line: number, column: number): string | null {
  try {
    sources ??= new SourceMap(JSON.parse(readFileSync(`${own}.map`, 'utf8')));
  } catch {
    return null;
  }
  const entry = sources.findEntry(line - 1, column - 1);
  if (!('originalSource' in entry) || entry.originalSource === '') return null;
  const file = relative(process.cwd(), join(dirname(own), entry.originalSource));
  return `${file}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
}
