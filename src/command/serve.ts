import { createApp } from '../app.js';
import type { Config } from '../config.js';
import { welcome } from './welcome.js';

/** Runs the service until SIGINT or SIGTERM; a second signal does not wait for running requests. */
export async function serve(config: Config): Promise<void> {
  const app = await createApp(config);
  stopOnSignal(() => app.close());
  const publicUrl = await app.listen();
  process.stdout.write(`Claimcheck listens on ${publicUrl}\n`);
  if (app.firstApiKey !== null) process.stdout.write(welcome(publicUrl, app.firstApiKey));
}

function stopOnSignal(close: () => Promise<void>): void {
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
