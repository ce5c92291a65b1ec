import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that package.json lies in, wherever below it this was compiled to. */
export function packageRoot(folder = dirname(fileURLToPath(import.meta.url))): string {
  const above = dirname(folder);
  return existsSync(join(folder, 'package.json')) || above === folder ? folder : packageRoot(above);
}
