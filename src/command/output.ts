import { ConfigError } from '../config/config.js';
import { AttachmentError } from '../errors.js';

/** The message of a fault that ends a command: one line, or one for each fault of the settings. */
export function describeFault(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  if (!(error instanceof AttachmentError)) return error instanceof Error ? error.message : String(error);
  const faults = error.details.map(({ loc, msg }) => `${loc.slice(1).join('.')}: ${msg}`);
  return faults.length > 0 ? faults.join(' ') : `${error.message}${describeCause(error)}`;
}

/** Which clients are not told; whoever runs the command can do something about it. */
function describeCause({ cause }: Error): string {
  return cause instanceof Error && cause.message !== '' ? ` (${cause.message})` : '';
}

/** Lines for programs: one JSON object each. */
export const jsonLines = (rows: readonly object[]): string[] => rows.map((row) => JSON.stringify(row));

/** A text that may quote what came from outside, which must not steer a terminal. */
export const onOneLine = (text: string): string => text.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim();

/** The option of every command that prints a table or a list. */
export const jsonOption = ['--json', 'one JSON object a line, for programs'] as const;

/** Lines of a table whose columns stand two or more spaces apart; the first row, the headings, says how many there are. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const mebibyte = 1024 * 1024;
const clearLine = '\r\u001b[K';

/** Bytes done of those there are, drawn on stderr where that is a terminal, else not at all. */
export interface ProgressBar {
  advance(bytes: number): void;
  /** Gives a line for stdout the place of the bar, which is drawn again below it. */
  print(line: string): void;
  end(): void;
}

/** `total` is asked only where there is a bar to draw. */
export async function createProgressBar(total: () => Promise<number>): Promise<ProgressBar> {
  const writeLine = (line: string) => process.stdout.write(`${line}\n`);
  if (!process.stderr.isTTY) return { advance: () => {}, print: writeLine, end: () => {} };
  const { default: progress } = await import('cli-progress');
  const bar = new progress.SingleBar({
    format: '{bar} {percentage}% | {value} of {total} MiB | {eta_formatted} left',
    formatValue: (value, _options, type) =>
      type === 'value' || type === 'total' ? (value / mebibyte).toFixed(1) : String(value),
    clearOnComplete: true,
    forceRedraw: true,
    etaBuffer: 1_000,
  });
  bar.start(await total(), 0);
  return {
    advance: (bytes) => bar.increment(bytes),
    print: (line) => {
      process.stderr.write(clearLine);
      writeLine(line);
    },
    end: () => bar.stop(),
  };
}

/** Exit codes of commands whose output nobody reads to its end. Theirs of 1 says that they have run to it. */
const notRunStatus: Readonly<Record<string, number>> = { import: 2, verify: 2 };

/**
 * Ends a command once nobody reads its output any more, as in `claimcheck keys list | head`. A service goes on instead, without
 * the lines that could not be written: its log may be on a full disk, or whoever reads it be started again.
 */
export function outliveReaders(command: string): void {
  const isService = ['serve', 'work'].includes(command);
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (isService) return;
    // EPIPE is a reader who has had enough.
    if (error.code !== 'EPIPE') process.stderr.write(`${describeFault(error)}\n`);
    process.exit(notRunStatus[command] ?? 1);
  });
}
