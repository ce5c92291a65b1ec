import { parseArgs } from 'node:util';
import { base64Limits, measureBase64 } from './base64.js';
import { type Comparison, compare } from './compare.js';
import { documentsLimits, formatDocumentsMemory, measureDocumentsMemory } from './documents-memory.js';
import { measureEngines } from './engines.js';
import { footprintLimit, measureFootprint } from './footprint.js';
import { formatGrowth, type GrowthPair, growthLimits, measureGrowth } from './growth.js';
import { startPostgresEngine, startSqliteEngine } from './growth-engines.js';
import { measureLibraries } from './libraries.js';
import { isMissed, type Limit } from './limit.js';
import { formatPages, measurePages, pageLimits } from './pages.js';
import { profileScenario } from './profile.js';
import { formatComparisons, formatLimits, formatNumber, formatStandings, toMebibytes } from './report.js';
import { type Scenario, scenarios } from './scenarios.js';
import { measureSettings } from './settings-cost.js';
import { formatStalls, measureStalls } from './stalls.js';
import { measureStart, startLimit } from './start-up.js';

/*
 * npm run bench -- [--only <scenario>]... [--quick] [--profile] [--attack <part of a name, of stalls>]
 *
 * Measures the service against a bare node:http server that stores and serves the same bytes, in turn and in one run, so
 * that the machine cancels out. A limit that is missed makes the exit status 1. The files lie in the system's temporary
 * directory: for true figures it should be on a disk.
 */

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    attack: { type: 'string' },
    profile: { type: 'boolean', default: false },
  },
});

const names = [
  ...scenarios.map(({ name }) => name),
  'memory',
  'base64',
  'start',
  'settings',
  'libraries',
  'engines',
  'pages',
  'growth',
  'stalls',
  'documents-memory',
];
const unknown = options.only?.filter((name) => !names.includes(name)) ?? [];
if (unknown.length > 0) throw new Error(`no scenario ${unknown.join(', ')}; there are ${names.join(', ')}`);

const chosen = scenarios.filter(({ name }) => isChosen(name));
const rounds = options.quick ? 2 : 5;
if (options.profile) {
  for (const scenario of chosen) await profileScenario(scenario, rounds);
} else {
  const limits = [
    ...(await runComparisons()),
    ...(await runMemory()),
    ...(await runBase64()),
    ...(await runStart()),
    ...(await runSettings()),
    ...(await runPages()),
    ...(await runGrowth()),
    ...(await runDocumentsMemory()),
  ];
  await runLibraries();
  await runEngines();
  await runStalls();
  if (limits.length > 0) console.log(`\n${formatLimits(limits)}`);
  if (limits.some(isMissed)) process.exitCode = 1;
}

function isChosen(name: string): boolean {
  return options.only === undefined || options.only.includes(name);
}

async function runComparisons(): Promise<Limit[]> {
  const comparisons: Comparison[] = [];
  for (const scenario of chosen) {
    console.error(`${scenario.name} …`);
    comparisons.push(await compare(shorten(scenario), rounds));
  }
  if (comparisons.length > 0) console.log(`\n${formatComparisons(comparisons)}`);
  return comparisons.flatMap(({ scenario, ratio }) =>
    scenario.minRatio === undefined
      ? []
      : [
          {
            name: `rate by the bare server's, ${scenario.name}`,
            measured: ratio,
            bound: scenario.minRatio,
            kind: 'at least',
            unit: '',
          },
        ],
  );
}

function shorten(scenario: Scenario): Scenario {
  return options.quick ? { ...scenario, requests: Math.ceil(scenario.requests / 3) } : scenario;
}

async function runMemory(): Promise<Limit[]> {
  if (!isChosen('memory')) return [];
  console.error('memory …');
  const footprint = await measureFootprint();
  const [idle, typical, peak] = [footprint.idle, footprint.typical, footprint.peak].map(toMebibytes);
  console.log(
    `\nMemory in MiB, four uploads of 256 MiB at once: ${formatNumber(idle ?? null)} before, ` +
      `${formatNumber(typical ?? null)} in the median, ${formatNumber(peak ?? null)} at the peak`,
  );
  return [footprintLimit(footprint)];
}

async function runBase64(): Promise<Limit[]> {
  if (!isChosen('base64')) return [];
  console.error('base64 …');
  return base64Limits(await measureBase64());
}

async function runStart(): Promise<Limit[]> {
  if (!isChosen('start')) return [];
  console.error('start …');
  return [startLimit(await measureStart(options.quick ? 1 : 3))];
}

async function runSettings(): Promise<Limit[]> {
  if (!isChosen('settings')) return [];
  console.error('settings …');
  return measureSettings(rounds);
}

async function runLibraries(): Promise<void> {
  if (!isChosen('libraries')) return;
  console.error('libraries …');
  console.log(`\n${formatStandings(await measureLibraries(rounds))}`);
}

async function runEngines(): Promise<void> {
  if (!isChosen('engines')) return;
  console.error('engines …');
  console.log(`\n${formatStandings(await measureEngines(rounds))}`);
}

async function runPages(): Promise<Limit[]> {
  if (!isChosen('pages')) return [];
  console.error('pages …');
  const counts = { few: 1000, many: options.quick ? 100_000 : 1_000_000 };
  const timings = await measurePages(counts, options.quick ? 4 : 20);
  console.log(`\n${formatPages(timings, counts)}`);
  return pageLimits(timings);
}

async function runGrowth(): Promise<Limit[]> {
  if (!isChosen('growth')) return [];
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

async function runStalls(): Promise<void> {
  if (!isChosen('stalls')) return;
  const stalls = await measureStalls(options.quick ? 0.1 : 1, options.attack);
  console.log(`\n${formatStalls(stalls)}`);
}

async function runDocumentsMemory(): Promise<Limit[]> {
  if (!isChosen('documents-memory')) return [];
  console.error('documents-memory …');
  const measured = await measureDocumentsMemory(options.quick ? 20_000 : 100_000);
  console.log(`\n${formatDocumentsMemory(measured)}`);
  return documentsLimits(measured);
}
