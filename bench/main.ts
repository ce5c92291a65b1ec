import { parseArgs } from 'node:util';
import { base64Limits, measureBase64 } from './base64.js';
import { compare, comparisonLimits } from './compare.js';
import { consoleLimits, formatConsole, measureConsole } from './console.js';
import { documentsLimits, formatDocumentsMemory, measureDocumentsMemory } from './documents-memory.js';
import { measureEngines } from './engines.js';
import { measureFanOut } from './fan-out.js';
import { filterLimits, formatFilters, measureFilters } from './filters.js';
import { measureFootprint } from './footprint.js';
import { formatGrowth, type GrowthPair, growthLimits, measureGrowth } from './growth.js';
import { startPostgresEngine, startSqliteEngine } from './growth-engines.js';
import { isMissed, type Limit } from './limit.js';
import { formatPages, measurePages, pageLimits } from './pages.js';
import { measureProcesses } from './processes.js';
import { profileScenario } from './profile.js';
import { formatLimits, formatSides } from './report.js';
import { measureResumable } from './resumable.js';
import { scenarios } from './scenarios.js';
import { measureSettings } from './settings-cost.js';
import { formatStalls, measureStalls } from './stalls.js';
import { measureStart, startLimit } from './start-up.js';

/*
 * npm run bench -- [--only <scenario>]... [--quick] [--profile] [--attack <part of a name, of stalls>]
 *
 * Measures the service against others that do the same work, in turn and in one run, so that the machine cancels out. A goal
 * that is missed makes the exit status 1. The files lie in the system's temporary directory: for true figures it should be on
 * a disk.
 */

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    attack: { type: 'string' },
    profile: { type: 'boolean', default: false },
  },
});

const rounds = options.quick ? 2 : 5;

/** Each prints tables of its own, and gives its lines of the last one. */
const usual: Record<string, () => Promise<Limit[]>> = {
  ...Object.fromEntries(scenarios.map((scenario) => [scenario.name, () => runComparison(scenario)])),
  'fan-out': measureFanOut,
  memory: measureFootprint,
  engines: () => measureEngines(rounds),
};
/** Only by their names: some take an hour. */
const others: Record<string, () => Promise<Limit[]>> = {
  base64: async () => base64Limits(await measureBase64()),
  start: async () => [startLimit(await measureStart(options.quick ? 1 : 3))],
  settings: () => measureSettings(rounds),
  processes: () => measureProcesses(rounds),
  pages: runPages,
  console: runConsole,
  filters: runFilters,
  growth: runGrowth,
  stalls: runStalls,
  'documents-memory': runDocumentsMemory,
  resumable: () => measureResumable(rounds, options.quick ? 1_000 : 10_000),
};
const all = { ...usual, ...others };

const chosen = options.only ?? Object.keys(usual);
const unknown = chosen.filter((name) => !Object.hasOwn(all, name));
if (unknown.length > 0) {
  throw new Error(`no scenario ${unknown.join(', ')}; there are ${Object.keys(all).join(', ')}`);
}

if (options.profile) {
  for (const scenario of scenarios) {
    if (chosen.includes(scenario.name)) await profileScenario(scenario, rounds);
  }
} else {
  const limits: Limit[] = [];
  for (const name of chosen) {
    console.error(`${name} …`);
    limits.push(...((await all[name]?.()) ?? []));
  }
  if (limits.length > 0) console.log(`\n${formatLimits(limits)}`);
  if (limits.some(isMissed)) process.exitCode = 1;
}

async function runComparison(scenario: (typeof scenarios)[number]): Promise<Limit[]> {
  const results = await compare(scenario, rounds);
  console.log(`\n${formatSides(results)}`);
  return comparisonLimits(results);
}

async function runPages(): Promise<Limit[]> {
  const counts = { few: 1000, many: options.quick ? 100_000 : 1_000_000 };
  const timings = await measurePages(counts, options.quick ? 4 : 20);
  console.log(`\n${formatPages(timings, counts)}`);
  return pageLimits(timings);
}

async function runConsole(): Promise<Limit[]> {
  const counts = { few: 1000, many: options.quick ? 100_000 : 1_000_000 };
  const timings = await measureConsole(counts, rounds);
  console.log(`\n${formatConsole(timings, counts)}`);
  return consoleLimits(timings);
}

async function runGrowth(): Promise<Limit[]> {
  const pairs: GrowthPair[] = [];
  for (const startEngine of [startSqliteEngine, startPostgresEngine]) {
    for (const many of options.quick ? [100_000] : [1_000_000, 10_000_000]) {
      console.error(`growth, ${many.toLocaleString('en')} …`);
      pairs.push(await measureGrowth(startEngine, { few: 10_000, many }));
    }
  }
  console.log(`\n${formatGrowth(pairs)}`);
  return growthLimits(pairs);
}

async function runFilters(): Promise<Limit[]> {
  const engines = [startSqliteEngine, startPostgresEngine];
  const pages = await measureFilters(engines, options.quick ? 100_000 : 1_000_000);
  console.log(`\n${formatFilters(pages)}`);
  return filterLimits(pages);
}

async function runStalls(): Promise<Limit[]> {
  const stalls = await measureStalls(options.quick ? 0.1 : 1, options.attack);
  console.log(`\n${formatStalls(stalls)}`);
  return [];
}

async function runDocumentsMemory(): Promise<Limit[]> {
  const measured = await measureDocumentsMemory(options.quick ? 20_000 : 100_000);
  console.log(`\n${formatDocumentsMemory(measured)}`);
  return documentsLimits(measured);
}
