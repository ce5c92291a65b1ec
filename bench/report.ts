import type { Comparison } from './compare.js';
import { isMissed, type Limit } from './limit.js';
import type { Standing } from './take-turns.js';

/** Rows as text, every column as wide as its widest cell; numbers stand right. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const formatRow = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  return [header, widths.map((width) => '-'.repeat(width)), ...rows].map(formatRow).join('\n');
}

export function formatComparisons(comparisons: readonly Comparison[]): string {
  const header = [
    'scenario',
    'at once',
    'service/s',
    'bare/s',
    'ratio',
    'p50 ms',
    'p99 ms',
    'bare p50',
    'bare p99',
    'CPU ms',
    'bare CPU',
    'peak MiB',
  ];
  return formatTable(
    header,
    comparisons.map(({ scenario, service, bare, ratio }) => [
      scenario.name,
      String(scenario.concurrency),
      formatNumber(service.rate),
      formatNumber(bare.rate),
      ratio.toFixed(2),
      formatNumber(service.p50),
      formatNumber(service.p99),
      formatNumber(bare.p50),
      formatNumber(bare.p99),
      formatNumber(service.cpuMsPerRequest),
      formatNumber(bare.cpuMsPerRequest),
      formatNumber(toMebibytes(service.peakRssBytes)),
    ]),
  );
}

export function formatStandings(standings: readonly Standing[]): string {
  return formatTable(
    ['uploads of 1 KiB, 16 at once', 'a second', 'by the first'],
    standings.map(({ name, rate, ratio }) => [name, formatNumber(rate), ratio.toFixed(2)]),
  );
}

export function formatLimits(limits: readonly Limit[]): string {
  return formatTable(
    ['limit', 'measured', 'bound', ''],
    limits.map((limit) => [
      limit.name,
      limit.measured === null ? 'not measured' : `${formatNumber(limit.measured)} ${limit.unit}`,
      `${limit.kind} ${limit.bound} ${limit.unit}`,
      isMissed(limit) ? 'MISSED' : 'kept',
    ]),
  );
}

/** Three significant digits; `-` for what was not measured. */
export function formatNumber(value: number | null): string {
  if (value === null) return '-';
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

export function toMebibytes(bytes: number | null): number | null {
  return bytes && bytes / (1024 * 1024);
}
