import { SingleBar } from 'cli-progress';

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
  const bar = new SingleBar({
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
