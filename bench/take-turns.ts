import { median } from './statistics.js';

/** Work that is measured beside others: runs once and resolves with its rate. */
export interface Contender {
  name: string;
  /** The first time is to warm up, and does not count. */
  run(counts: boolean): Promise<number>;
}

export interface Standing {
  name: string;
  /** In the median round. */
  rate: number;
  /** By the first contender's in the round beside it, in the median. */
  ratio: number;
}

/** Runs them in turn, `rounds` times after one that does not count, so that a busy spell of the machine meets them all. */
export async function takeTurns(contenders: readonly Contender[], rounds: number): Promise<Standing[]> {
  const rates: number[][] = contenders.map(() => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, contender] of contenders.entries()) {
      const rate = await contender.run(round > 0);
      if (round > 0) rates[index]?.push(rate);
    }
  }
  return contenders.map(({ name }, index) => {
    const own = rates[index] ?? [];
    const ratio = median(own.map((rate, round) => rate / (rates[0]?.[round] ?? 0)));
    return { name, rate: median(own), ratio };
  });
}
