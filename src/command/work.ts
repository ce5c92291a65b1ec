import { createApp } from '../app.js';
import type { Config } from '../config.js';
import { stopOnSignal } from './stop-on-signal.js';

/** Scans, delivers and cleans until SIGINT or SIGTERM, and serves nothing. */
export async function work(config: Config): Promise<void> {
  const app = await createApp(config);
  stopOnSignal(() => app.close());
  await app.work();
  process.stdout.write('Claimcheck works.\n');
}
