import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that package.json lies in, wherever below it this was compiled to. */
function packageRoot(folder = dirname(fileURLToPath(import.meta.url))): string {
  const above = dirname(folder);
  return existsSync(join(folder, 'package.json')) || above === folder ? folder : packageRoot(above);
}

const operations = JSON.stringify({
  query:
    'mutation ($file: Upload!) { createAttachment(input: { content: { upload: $file } }) { attachment { id fileName contentType size url } } }',
  variables: { file: null },
});

/** What the first start tells: the key, an upload to paste, and where to look around. */
export function welcome(publicUrl: string, key: string): string {
  const curl = [
    `curl ${publicUrl}/graphql`,
    `-H 'Authorization: Bearer ${key}'`,
    `-H 'Apollo-Require-Preflight: true'`,
    `-F operations='${operations}'`,
    `-F map='{"0":["variables.file"]}'`,
    `-F '0=@"${join(packageRoot(), 'README.md')}"'`,
  ].join(' ');
  return `
Your API key, shown this once:

  ${key}

Upload a file:

  ${curl}

Look around in Apollo Sandbox (set the header Authorization to: Bearer <key>):

  ${publicUrl}/graphql
`;
}
