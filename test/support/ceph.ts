import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import type { S3Store } from './s3-store.js';
import { makeTemporaryDirectory } from './temporary-directory.js';

const run = promisify(execFile);

export const cephPackages = 'apt-get install ceph-mon ceph-osd ceph-common radosgw';

/** A Ceph of one monitor, one store in memory and one S3 gateway, on loopback. */
export interface Ceph extends S3Store, AsyncDisposable {
  /** Ends the gateway at once, as a crash does. */
  killGateway(): Promise<void>;
  startGateway(): Promise<void>;
  stop(): Promise<void>;
}

export async function startCeph(): Promise<Ceph> {
  const directory = await makeTemporaryDirectory();
  const [monitorPort, legacyPort, gatewayPort] = [await freePort(), await freePort(), await freePort()];
  const cluster = new Cluster(directory, { monitorPort, legacyPort, gatewayPort });
  try {
    await cluster.start();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

interface Ports {
  monitorPort: number;
  legacyPort: number;
  gatewayPort: number;
}

class Cluster implements Ceph {
  readonly accessKeyId = 'claimcheck';
  readonly secretAccessKey = randomBytes(20).toString('hex');
  readonly endpoint: string;
  readonly #directory: string;
  readonly #ports: Ports;
  readonly #daemons: ChildProcess[] = [];
  #gateway: ChildProcess | undefined;

  constructor(directory: string, ports: Ports) {
    this.#directory = directory;
    this.#ports = ports;
    this.endpoint = `http://127.0.0.1:${ports.gatewayPort}`;
  }

  async start(): Promise<void> {
    await this.#configure();
    await this.#startMonitor();
    await this.#startStore();
    await this.startGateway();
    const user = ['--uid=test', '--display-name=test'];
    const key = [`--access-key=${this.accessKeyId}`, `--secret-key=${this.secretAccessKey}`];
    await this.#command('radosgw-admin', 'user', 'create', ...user, ...key);
  }

  async startGateway(): Promise<void> {
    this.#gateway = this.#daemon('radosgw', '-n', 'client.gateway', '-f');
    await until(async () => (await fetch(this.endpoint)).ok, 'the gateway');
  }

  async killGateway(): Promise<void> {
    if (this.#gateway) await end(this.#gateway);
    this.#gateway = undefined;
  }

  async stop(): Promise<void> {
    await this.killGateway();
    for (const daemon of this.#daemons.reverse()) await end(daemon);
    await rm(this.#directory, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #configure(): Promise<void> {
    const { monitorPort, legacyPort, gatewayPort } = this.#ports;
    const here = this.#directory;
    for (const name of ['mon', 'osd', 'gateway']) await mkdir(join(here, name));
    const settings = `
[global]
fsid = ${randomUUID()}
mon initial members = a
mon host = [v2:127.0.0.1:${monitorPort}/0,v1:127.0.0.1:${legacyPort}/0]
public network = 127.0.0.0/8
keyring = ${here}/keyring
run dir = ${here}
log file = ${here}/$name.log
pid file = ${here}/$name.pid
admin socket = ${here}/$name.asok
mon data = ${here}/mon
osd data = ${here}/osd
osd objectstore = memstore
memstore device bytes = ${4 * 1024 ** 3}
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 2000
ms bind ipv6 = false

[client.gateway]
rgw frontends = beast endpoint=127.0.0.1:${gatewayPort}
rgw data = ${here}/gateway
rgw run sync thread = false
`;
    await writeFile(join(here, 'ceph.conf'), settings);
    const all = ['--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *'];
    await this.#key('mon.', '--create-keyring', '--cap', 'mon', 'allow *');
    await this.#key('client.admin', ...all);
    await this.#key('client.gateway', '--cap', 'mon', 'allow rw', '--cap', 'osd', 'allow rwx');
    await this.#key('osd.0', '--cap', 'mon', 'allow profile osd', '--cap', 'osd', 'allow *');
  }

  async #startMonitor(): Promise<void> {
    const { monitorPort, legacyPort } = this.#ports;
    const map = join(this.#directory, 'monmap');
    const addresses = `[v2:127.0.0.1:${monitorPort},v1:127.0.0.1:${legacyPort}]`;
    await this.#command('monmaptool', '--create', '--addv', 'a', addresses, map);
    await this.#command('ceph-mon', '-i', 'a', '--mkfs', '--monmap', map);
    this.#daemons.push(this.#daemon('ceph-mon', '-i', 'a', '-f'));
    await this.#command('ceph', '--connect-timeout', '30', 'status');
  }

  async #startStore(): Promise<void> {
    const id = randomUUID();
    await this.#command('ceph', 'osd', 'new', id);
    await copyFile(join(this.#directory, 'keyring'), join(this.#directory, 'osd', 'keyring'));
    await this.#command('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', id);
    this.#daemons.push(this.#daemon('ceph-osd', '-i', '0', '-f'));
    await until(async () => (await this.#command('ceph', 'osd', 'stat')).includes('1 up'), 'the store');
  }

  async #key(name: string, ...options: string[]): Promise<void> {
    await this.#command('ceph-authtool', 'keyring', '--gen-key', '-n', name, ...options);
  }

  async #command(program: string, ...options: string[]): Promise<string> {
    const { stdout } = await run(program, options, { ...this.#surroundings(), timeout: 60_000 });
    return stdout;
  }

  #daemon(program: string, ...options: string[]): ChildProcess {
    const output = openSync(join(this.#directory, `${program}.out`), 'a');
    const child = spawn(program, options, { ...this.#surroundings(), stdio: ['ignore', output, output] });
    closeSync(output);
    return child;
  }

  #surroundings() {
    const CEPH_CONF = join(this.#directory, 'ceph.conf');
    const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`;
    return { cwd: this.#directory, env: { ...process.env, PATH, CEPH_CONF } };
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 90_000;
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`${what} has not come up`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
