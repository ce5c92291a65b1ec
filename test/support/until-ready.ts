import { setTimeout as pause } from 'node:timers/promises';

/** Asks /health/ready until it answers with `status`, for some seconds at most; returns the last answer's. */
export async function untilReadyIs(url: string, status: number): Promise<number> {
  for (let round = 0; ; round += 1) {
    const answer = await fetch(`${url}/health/ready`);
    if (answer.status === status || round === 100) return answer.status;
    await pause(100);
  }
}
