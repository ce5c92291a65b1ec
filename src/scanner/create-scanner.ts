import { ClamdScanner } from './clamd.js';
import type { ClamdAddress } from './clamd-connection.js';
import { EicarScanner } from './eicar.js';
import { NoScanner } from './none.js';
import type { Scanner } from './scanner.js';

const defaultPort = 3310;

/** The scanner that the setting SCANNER names: `none`, `eicar`, `clamd://host:port` or `clamd:///socket`. Throws for anything else. */
export function createScanner(setting: string): Scanner {
  if (setting === 'none') return new NoScanner();
  if (setting === 'eicar') return new EicarScanner();
  return new ClamdScanner(parseClamdAddress(setting));
}

function parseClamdAddress(setting: string): ClamdAddress {
  const { protocol, hostname, port, pathname } = new URL(setting);
  if (protocol !== 'clamd:') throw new Error('There is no scanner of that kind.');
  if (hostname === '') return { path: decodeURIComponent(pathname) };
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? defaultPort : Number(port) };
}
