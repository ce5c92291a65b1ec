import { join } from 'node:path';
import { createApp } from '../app.js';
import type { FirstApiKey } from '../auth/manage-api-keys.js';
import { permissions } from '../auth/viewer.js';
import type { Config } from '../config/config.js';
import { packageRoot } from '../config/files.js';
import { letMemoryGrow } from './let-memory-grow.js';

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
  letMemoryGrow();
  if (work) await app.work();
}

/** Scans, delivers and cleans until SIGINT or SIGTERM, and serves nothing. */
export async function work(config: Config): Promise<void> {
  const app = await createApp(config);
  stopOnSignal(() => app.close());
  letMemoryGrow();
  await app.work();
  process.stdout.write('Claimcheck works.\n');
}

/** Closes on SIGINT or SIGTERM, then exits; a second signal does not wait. */
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

const operations = JSON.stringify({
  query:
    'mutation ($file: Upload!) { createAttachment(input: { content: { upload: $file } }) { attachment { id fileName contentType size url } } }',
  variables: { file: null },
});

const refused =
  '\nThe key in BOOTSTRAP_API_KEY is not one of this database, which has had another first key. It is refused.\n';

type Explorers = Pick<Config, 'sandbox' | 'explorer'>;

/** The lines that a start prints about the first key. A key that the operator has given is not repeated. Empty if all is known. */
export function welcome(publicUrl: string, firstApiKey: FirstApiKey, explorers: Explorers): string {
  switch (firstApiKey.state) {
    case 'made':
      return firstApiKey.key === null
        ? `\nYour API key is the one in BOOTSTRAP_API_KEY.\n${tour(publicUrl, '"Authorization: Bearer $BOOTSTRAP_API_KEY"', explorers)}`
        : `\nYour API key, shown this once:\n\n  ${firstApiKey.key}\n${tour(publicUrl, `'Authorization: Bearer ${firstApiKey.key}'`, explorers)}`;
    case 'unused':
      return `${firstApiKey.isGivenRefused ? refused : ''}
The first API key was made at ${firstApiKey.madeAt.toISOString()}, shown then, and has never been used. If nobody has it, make another and
revoke that one, with the same settings as this service:

  npx claimcheck keys create --permissions ${permissions.join(',')}
  npx claimcheck keys revoke ${firstApiKey.id}
`;
    case 'not-taken':
      return refused;
    case 'known':
      return '';
  }
}

/** An upload to paste, and where to look around. */
function tour(publicUrl: string, header: string, { sandbox, explorer }: Explorers): string {
  const curl = [
    `curl ${publicUrl}/graphql`,
    `-H ${header}`,
    `-H 'Apollo-Require-Preflight: true'`,
    `-F operations='${operations}'`,
    `-F map='{"0":["variables.file"]}'`,
    `-F '0=@"${join(packageRoot(), 'README.md')}"'`,
  ].join(' ');
  return `
Upload a file:

  ${curl}
${sandbox ? `\nLook around in Apollo Sandbox (set the header Authorization to: Bearer <key>):\n\n  ${publicUrl}/graphql\n` : ''}${
  explorer ? `\nLook around without the internet:\n\n  ${publicUrl}/explorer\n` : ''
}`;
}
