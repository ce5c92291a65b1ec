import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript-api';

/** A file of TypeScript or JavaScript: its path from the repository's root with `/` between the parts, its text, and its syntax tree. */
export interface SourceFile {
  path: string;
  text: string;
  tree: ts.SourceFile;
}

/** The folder that holds package.json, looked for upwards, since compiled tests lie deeper than their sources. */
export const repositoryRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

const generatedFolders = new Set(['.git', 'build', 'data', 'dist', 'node_modules']);

export function parseSource(path: string, text: string): SourceFile {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
}

/** Every such file below `folder` (a path from the root), parsed; none where there is no such folder. */
export function readSources(folder: string): SourceFile[] {
  return walk(folder)
    .filter((path) => /\.c?[jt]sx?$/.test(path))
    .map((path) => parseSource(path, readFileSync(join(repositoryRoot, path), 'utf8')));
}

/** Every text file that is, or by the next commit would be, in version control; outside of git, every file that is not generated. */
export function readTrackedTexts(): { path: string; text: string }[] {
  return trackedPaths()
    .map((path) => ({ path, text: readFileSync(join(repositoryRoot, path), 'utf8') }))
    .filter(({ text }) => !text.includes('\0'));
}

function trackedPaths(): string[] {
  const arguments_ = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const git = spawnSync('git', arguments_, { cwd: repositoryRoot, encoding: 'utf8' });
  const paths = git.status === 0 ? git.stdout.split('\0') : [];
  return paths.includes('package.json')
    ? paths.filter((path) => path !== '' && existsSync(join(repositoryRoot, path)))
    : walk('.');
}

function walk(folder: string): string[] {
  const absolute = join(repositoryRoot, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { withFileTypes: true })
    .filter((entry) => !generatedFolders.has(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name).split(sep).join('/');
      return entry.isDirectory() ? walk(path) : entry.isFile() ? [path] : [];
    });
}

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  if (folder === dirname(folder)) throw new Error('No package.json above the tests.');
  return findRoot(dirname(folder));
}
