import { createApp } from '../app.js';
import type { Config } from '../config.js';
import { stopOnSignal } from './stop-on-signal.js';
import { welcome } from './welcome.js';

/**
 * Runs the service until SIGINT or SIGTERM; a second signal does not wait for running requests. Without `work` it leaves
 * scans, webhooks and cleaning to processes that run `work`.
 */
export async function serve(config: Config, { work = true }: { work?: boolean } = {}): Promise<void> {
  const app = await createApp(config);
  stopOnSignal(() => app.close());
  const { address, publicUrl, firstApiKey } = await app.listen();
  // Before anything else that can fail: nobody can read the key again.
  process.stdout.write(`Claimcheck listens on ${address}\n${welcome(publicUrl, firstApiKey)}`);
  if (work) await app.work();
}
