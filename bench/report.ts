import type { SideResult } from './compare.js';
import { isMissed, type Limit } from './limit.js';

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

export function formatSides(results: readonly SideResult[]): string {
  return formatTable(
    ['scenario', 'side', 'a second', 'p50 ms', 'p99 ms', 'CPU ms', 'peak MiB'],
    results.map(({ scenario, name, rate, p50, p99, cpuMs, peakRssBytes }) => [
      scenario.name,
      name,
      ...[rate, p50, p99, cpuMs, toMebibytes(peakRssBytes)].map(formatNumber),
    ]),
  );
}

export function formatLimits(limits: readonly Limit[]): string {
  return formatTable(
    ['work', 'ours', 'reference', 'ratio', 'goal', ''],
    limits.map((limit) => {
      const { name, measured, bound, kind, unit, ours, reference } = limit;
      const figure = measured === null ? 'not measured' : `${formatNumber(measured)} ${unit}`.trim();
      const goal =
        bound === null ? ['', ''] : [`${kind} ${bound} ${unit}`.trim(), isMissed(limit) ? 'MISSED' : 'kept'];
      return [name, ours ?? figure, reference ?? '', reference ? figure : '', ...goal];
    }),
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
