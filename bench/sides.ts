import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/support/free-port.js';
import { endWithRun, makeScratchDirectory, removeScratchDirectory } from './scratch.js';
import { benchProgram, type ServiceProcess, startServer, startService, stop } from './server-process.js';

export type SideName = 'service' | 'bare' | 'bare with fsync' | 'developer' | 'nginx';

/** A server that takes part in a comparison. Those that ask for no API key have an empty one. */
export interface Side extends ServiceProcess {
  name: SideName;
  /** Its files. */
  directory: string;
}

type Started = Omit<ServiceProcess, 'apiKey'>;

const starters: Record<SideName, (directory: string, apiKey: string) => Promise<Started>> = {
  service: (dataDirectory, apiKey) => startService({ dataDirectory, apiKey }),
  bare: (directory) => startServer([benchProgram('bare-server.js'), directory], process.env),
  'bare with fsync': (directory) =>
    startServer([benchProgram('bare-server.js'), directory, '--sync'], process.env),
  developer: (directory) =>
    startServer([benchProgram('developer-server.js'), directory], { ...process.env, NODE_ENV: 'production' }),
  nginx: startNginx,
};

export function isInstalled(name: SideName): boolean {
  return name !== 'nginx' || spawnSync('nginx', ['-v']).error === undefined;
}

/** Starts a side with an empty directory, which goes when it is stopped. */
export async function startSide(name: SideName, apiKey: string): Promise<Side> {
  const directory = makeScratchDirectory(name.replaceAll(' ', '-'));
  const started = await starters[name](directory, apiKey);
  const stopAll = async () => {
    await started.stop();
    removeScratchDirectory(directory);
  };
  return { ...started, name, directory, apiKey, stop: stopAll };
}

/** nginx serves `<directory>/<name>` at `/<name>`. */
async function startNginx(directory: string): Promise<Started> {
  const port = await freePort();
  const path = join(directory, 'nginx.conf');
  writeFileSync(path, nginxConfiguration(directory, port));
  const child = spawn('nginx', ['-p', directory, '-c', path], { stdio: ['ignore', 'ignore', 'inherit'] });
  endWithRun(child);
  const origin = `http://127.0.0.1:${port}`;
  while (!(await fetch(origin).catch(() => null))) await sleep(20);
  return { origin, pid: child.pid ?? 0, stop: () => stop(child) };
}

/** One process, whose processor time is all there is. */
function nginxConfiguration(directory: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `${user} daemon off; master_process off; pid ${directory}/pid; error_log stderr crit;
    events { worker_connections 256; }
    http {
      access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
      ${temporary.map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
      server { listen 127.0.0.1:${port}; root ${directory}; }
    }`;
}
