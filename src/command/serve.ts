import { createApp } from '../app.js';
import type { Config } from '../config/config.js';
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
  process.stdout.write(`Claimcheck listens on ${address}\n${welcome(publicUrl, firstApiKey, config)}`);
  if (work) await app.work();
}

/** Scans, delivers and cleans until SIGINT or SIGTERM, and serves nothing. */
export async function work(config: Config): Promise<void> {
  const app = await createApp(config);
  stopOnSignal(() => app.close());
  await app.work();
  process.stdout.write('Claimcheck works.\n');
}

/** Closes on SIGINT or SIGTERM, then exits; a second signal does not wait. */
export function stopOnSignal(close: () => Promise<void>): void {
  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(1);
    stopping = true;
    close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}
