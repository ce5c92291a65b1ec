interface Sample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** The samples of one metric in Prometheus' text format. */
export function samplesOf(text: string, metric: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`))
    .map((line) => ({ labels: labelsOf(line), value: Number(line.slice(line.lastIndexOf(' ') + 1)) }));
}

function labelsOf(line: string): Record<string, string> {
  const pairs = line.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g);
  return Object.fromEntries(Array.from(pairs, ([, name = '', value = '']) => [name, value]));
}
