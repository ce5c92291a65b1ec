import {
  commentsNameTheirSubject,
  filesAreShort,
  findMachinePaths,
  functionsAreShort,
  noAny,
  noBarrels,
  noConsole,
  noDefaultExports,
  noGuessableRandomness,
  noHandBuiltFaults,
  noNonNullAssertions,
  noSkippedTests,
  noSlowTypeorm,
  noSuppressions,
  noUnfinishedNotes,
  noVagueNames,
  rowsAreWrittenOneWay,
  titlesNameTheirSubject,
} from '../support/code-rules.js';
import { importsPointDown, noImportCycles, packagesAreLoadedOnDemand } from '../support/import-rules.js';
import { report } from '../support/report.js';
import { type Example, examples } from '../support/rule-examples.js';
import { queriesAreScoped } from '../support/scope-rule.js';
import { parseSource, readSources, readTrackedTexts, type SourceFile } from '../support/source-files.js';
import { measureFunctions, type Rule } from '../support/syntax.js';

const rulesOfSources = {
  importsPointDown,
  noImportCycles,
  packagesAreLoadedOnDemand,
  filesAreShort,
  functionsAreShort,
  noAny,
  noNonNullAssertions,
  noDefaultExports,
  noVagueNames,
  noBarrels,
  noConsole,
  noGuessableRandomness,
  noHandBuiltFaults,
  rowsAreWrittenOneWay,
  noSlowTypeorm,
  queriesAreScoped,
};

const rulesOfAllCode = {
  commentsNameTheirSubject,
  titlesNameTheirSubject,
  noSuppressions,
  noUnfinishedNotes,
  noSkippedTests,
};

const rules = { ...rulesOfSources, ...rulesOfAllCode };

describe('the repository', () => {
  const allCode = readSources('.');
  const sources = allCode.filter(({ path }) => path.startsWith('src/'));
  const texts = readTrackedTexts();

  test('was found', () => {
    expect(sources.map(({ path }) => path)).toContain('src/errors.ts');
    expect(allCode.map(({ path }) => path)).toContain('test/unit/architecture.test.ts');
    expect(texts.map(({ path }) => path)).toContain('package.json');
    report(describeSizes(sources));
  });

  test('keeps every rule', () => {
    const faults = [
      ...Object.values(rulesOfSources).flatMap((rule: Rule) => rule(sources)),
      ...Object.values(rulesOfAllCode).flatMap((rule: Rule) => rule(allCode)),
      ...findMachinePaths(texts),
    ];
    if (faults.length > 0) throw new Error(`${faults.length} faults:\n${faults.join('\n')}`);
  });
});

/** A rule without an example does not compile. */
const examplesByRule: Record<keyof typeof rules, Example> = examples;

describe('each rule finds what it forbids, and nothing else', () => {
  test.each(Object.entries(examplesByRule))('%s', (name, { files, faults }) => {
    const sources = Object.entries(files).map(([path, text]) => parseSource(path, text));
    expect(rules[name as keyof typeof rules](sources)).toEqual(faults);
  });

  test('findMachinePaths', () => {
    const text = ['home', 'work', 'Users', 'root'].map((folder) => `at /${folder}/x`).join('\n');
    const harmless = 'GET /homes\nhttps://example.org/root/x\n./work/x /workers\n~/root';
    expect(
      findMachinePaths([
        { path: 'a.md', text },
        { path: 'b.md', text: harmless },
      ]),
    ).toEqual([1, 2, 3, 4].map((line) => `a.md:${line} names a machine's path`));
  });
});

function describeSizes(sources: SourceFile[]): string {
  const functions = sources.flatMap(measureFunctions).filter(({ name }) => name !== null);
  const byLength = functions.toSorted((one, other) => one.lines - other.lines);
  const percentile = byLength[Math.floor(byLength.length * 0.9)];
  const longest = byLength.at(-1);
  return (
    `${sources.length} files, ${functions.length} named functions; 90th percentile ${percentile?.lines ?? 0} lines, ` +
    `longest ${longest?.lines ?? 0} (${longest?.name} in ${longest?.file.path})`
  );
}
