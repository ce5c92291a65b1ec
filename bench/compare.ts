import type { Limit } from './limit.js';
import { type LoadRequest, runLoad } from './load.js';
import { readProcessUsage } from './process-usage.js';
import { formatNumber } from './report.js';
import type { Scenario } from './scenarios.js';
import { createApiKey } from './server-process.js';
import { isInstalled, type Side, type SideName, startSide } from './sides.js';
import { median, percentile } from './statistics.js';
import { takeTurns } from './take-turns.js';

/** The figures of one side in a scenario. */
export interface SideResult {
  scenario: Scenario;
  name: SideName;
  /** Requests a second in the median round. */
  rate: number;
  /** The service's rate by this one's in the round beside it, in the median: a busy spell of the machine counts little. */
  ratio: number;
  /** Milliseconds, over all rounds. */
  p50: number;
  p99: number;
  /** Null where the system does not tell. */
  cpuMs: number | null;
  peakRssBytes: number | null;
}

/** One turn of one side; the first turn of each is to warm it up. */
const turnSeconds = 2;

/** Runs `scenario` against a fresh service and fresh others in turn, `rounds` times after one that does not count. */
export async function compare(scenario: Scenario, rounds: number): Promise<SideResult[]> {
  const apiKey = createApiKey();
  const others = (Object.keys(scenario.against) as SideName[]).filter(isInstalled);
  const sides: Side[] = [];
  try {
    for (const name of ['service' as const, ...others]) sides.push(await startSide(name, apiKey));
    const [service = null] = sides;
    const turns: Turns[] = [];
    for (const side of sides) {
      const request = await scenario.prepare(side, side === service ? null : service);
      turns.push(new Turns(side, request, scenario));
    }
    const standings = await takeTurns(turns, rounds);
    return await Promise.all(
      turns.map(async (each, index) => {
        const { rate = 0, ratio = 0 } = standings[index] ?? {};
        return { scenario, rate, ratio: 1 / ratio, ...(await each.summary()) };
      }),
    );
  } finally {
    await Promise.all(sides.map((side) => side.stop()));
  }
}

/** The lines of a comparison in the table of ratios. */
export function comparisonLimits([service, ...others]: readonly SideResult[]): Limit[] {
  if (!service) return [];
  const { name, concurrency, against, maxCpuMs } = service.scenario;
  const work = concurrency === 1 ? name : `${name}, ${concurrency} at once`;
  const ours = `${formatNumber(service.rate)}/s`;
  const lines: Limit[] = others.map((other) => ({
    name: work,
    ours,
    reference: `${other.name}: ${formatNumber(other.rate)}/s`,
    measured: other.ratio,
    bound: against[other.name] ?? null,
    kind: 'at least',
    unit: '',
  }));
  const cpu: Limit = {
    name: `${work}, CPU`,
    measured: service.cpuMs,
    bound: maxCpuMs ?? null,
    kind: 'at most',
    unit: 'ms',
  };
  return [...lines, cpu];
}

/** The turns of one side, added up. */
class Turns {
  readonly name: SideName;
  readonly #side: Side;
  readonly #request: LoadRequest | (() => LoadRequest);
  readonly #concurrency: number;
  #latencies: number[] = [];
  #cpuMs = 0;

  constructor(side: Side, request: LoadRequest | (() => LoadRequest), { concurrency }: Scenario) {
    this.name = side.name;
    this.#side = side;
    this.#request = request;
    this.#concurrency = concurrency;
  }

  async run(counts: boolean): Promise<number> {
    const bounds = { concurrency: this.#concurrency, seconds: turnSeconds };
    const before = await readProcessUsage(this.#side.pid);
    const { rate, latencies } = await runLoad(this.#side.origin, this.#request, bounds);
    const after = await readProcessUsage(this.#side.pid);
    if (counts) {
      this.#latencies = this.#latencies.concat(latencies);
      this.#cpuMs += (after?.cpuMs ?? 0) - (before?.cpuMs ?? 0);
    }
    return rate;
  }

  async summary(): Promise<Pick<SideResult, 'name' | 'p50' | 'p99' | 'cpuMs' | 'peakRssBytes'>> {
    const usage = await readProcessUsage(this.#side.pid);
    return {
      name: this.name,
      p50: median(this.#latencies),
      p99: percentile(this.#latencies, 99),
      cpuMs: usage && this.#cpuMs / this.#latencies.length,
      peakRssBytes: usage?.peakRssBytes ?? null,
    };
  }
}
