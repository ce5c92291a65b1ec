import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runLoad } from './load.js';
import { type CpuProfile, summarizeProfile } from './profile-summary.js';
import type { Scenario } from './scenarios.js';
import { startBareServer, startService } from './server-process.js';

const samplingMicroseconds = 250;

/** Runs `scenario` against the service under node's sampling profiler; tells where the time went and where the profile lies. */
export async function profileScenario(scenario: Scenario, rounds: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'claimcheck-profile-'));
  const nodeArguments = [
    '--cpu-prof',
    `--cpu-prof-dir=${directory}`,
    `--cpu-prof-interval=${samplingMicroseconds}`,
  ];
  const begun = performance.now();
  const service = await startService({ nodeArguments });
  const bare = await startBareServer();
  let skippedMs = 0;
  try {
    const requests = await scenario.prepare(service, bare);
    const bounds = { ...scenario, seconds: 10 };
    await runLoad(service.origin, requests.service, bounds);
    skippedMs = performance.now() - begun;
    for (let round = 0; round < rounds; round += 1) {
      const { rate } = await runLoad(service.origin, requests.service, bounds);
      console.log(`${scenario.name}: ${rate.toFixed(1)} a second under the profiler`);
    }
  } finally {
    await Promise.all([service.stop(), bare.stop()]);
  }
  await printProfile(directory, skippedMs);
}

async function printProfile(directory: string, skippedMs: number): Promise<void> {
  const [file] = (await readdir(directory)).filter((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) throw new Error('the service left no profile: it did not end by itself');
  const path = join(directory, file);
  const profile = JSON.parse(await readFile(path, 'utf8')) as CpuProfile;
  console.log(summarizeProfile(profile, skippedMs));
  console.log(`The profile, for a browser's developer tools: ${path}`);
}
