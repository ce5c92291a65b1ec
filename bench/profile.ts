import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runLoad } from './load.js';
import { type CpuProfile, type Profiled, summarizeProfile } from './profile-summary.js';
import type { Scenario } from './scenarios.js';
import { startService } from './server-process.js';

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
  // Not the bundle: each module is a file of its own here.
  const service = await startService({ nodeArguments, program: ['build/src/main.js', 'serve'] });
  let skippedMs = 0;
  let operations = 0;
  try {
    const request = await scenario.prepare({ ...service, name: 'service', directory: '' }, null);
    const bounds = { concurrency: scenario.concurrency, seconds: 2 };
    await runLoad(service.origin, request, bounds);
    skippedMs = performance.now() - begun;
    for (let round = 0; round < rounds; round += 1) {
      const { rate, latencies } = await runLoad(service.origin, request, bounds);
      operations += latencies.length;
      console.log(`${scenario.name}: ${rate.toFixed(1)} a second under the profiler`);
    }
  } finally {
    await service.stop();
  }
  await printProfile(directory, { skippedMs, operations });
}

async function printProfile(directory: string, profiled: Profiled): Promise<void> {
  const [file] = (await readdir(directory)).filter((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) throw new Error('the service left no profile: it did not end by itself');
  const path = join(directory, file);
  const profile = JSON.parse(await readFile(path, 'utf8')) as CpuProfile;
  console.log(summarizeProfile(profile, profiled));
  console.log(`The profile, for a browser's developer tools: ${path}`);
}
