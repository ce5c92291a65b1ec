import { type LoadBounds, type LoadRequest, runLoad } from './load.js';
import { readProcessUsage } from './process-usage.js';
import type { Scenario } from './scenarios.js';
import { type ServerProcess, startBareServer, startService } from './server-process.js';
import { median, percentile } from './statistics.js';

/** The figures of one server in a scenario. */
export interface ServerResult {
  /** Requests a second in the median round. */
  rate: number;
  /** Milliseconds, over all rounds. */
  p50: number;
  p99: number;
  /** Null where the system does not tell. */
  cpuMsPerRequest: number | null;
  peakRssBytes: number | null;
}

export interface Comparison {
  scenario: Scenario;
  service: ServerResult;
  bare: ServerResult;
  /** The service's rate by the bare server's in the round beside it, in the median: a busy spell of the machine counts little. */
  ratio: number;
}

/** No round goes on longer than this, however slow the server. */
const roundSeconds = 6;

/** Runs `scenario` against a fresh service and a fresh bare server in turn, `rounds` times after one that does not count. */
export async function compare(scenario: Scenario, rounds: number): Promise<Comparison> {
  const service = await startService();
  const bare = await startBareServer();
  try {
    const requests = await scenario.prepare(service, bare);
    const serviceRounds = new Rounds(service, requests.service, scenario);
    const bareRounds = new Rounds(bare, requests.bare, scenario);
    for (let round = 0; round <= rounds; round += 1) {
      await serviceRounds.run(round > 0);
      await bareRounds.run(round > 0);
    }
    return {
      scenario,
      service: await serviceRounds.summary(),
      bare: await bareRounds.summary(),
      ratio: median(serviceRounds.rates.map((rate, round) => rate / (bareRounds.rates[round] ?? 0))),
    };
  } finally {
    await Promise.all([service.stop(), bare.stop()]);
  }
}

/** The rounds of one server, added up. */
class Rounds {
  readonly #server: ServerProcess;
  readonly #request: LoadRequest;
  readonly #bounds: LoadBounds;
  readonly rates: number[] = [];
  readonly #latencies: number[] = [];
  #cpuMs = 0;

  constructor(server: ServerProcess, request: LoadRequest, scenario: Scenario) {
    this.#server = server;
    this.#request = request;
    this.#bounds = { ...scenario, seconds: roundSeconds };
  }

  async run(counts: boolean): Promise<void> {
    const before = await readProcessUsage(this.#server.pid);
    const result = await runLoad(this.#server.origin, this.#request, this.#bounds);
    const after = await readProcessUsage(this.#server.pid);
    if (!counts) return;
    this.rates.push(result.rate);
    this.#latencies.push(...result.latencies);
    this.#cpuMs += (after?.cpuMs ?? 0) - (before?.cpuMs ?? 0);
  }

  async summary(): Promise<ServerResult> {
    const usage = await readProcessUsage(this.#server.pid);
    return {
      rate: median(this.rates),
      p50: median(this.#latencies),
      p99: percentile(this.#latencies, 99),
      cpuMsPerRequest: usage && this.#cpuMs / this.#latencies.length,
      peakRssBytes: usage?.peakRssBytes ?? null,
    };
  }
}
