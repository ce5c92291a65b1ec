import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eicarString } from '../../src/scanner/create-scanner.js';
import { freePort } from './free-port.js';
import { makeTemporaryDirectory } from './temporary-directory.js';

export interface Clamd {
  /** Its values of the setting SCANNER. */
  tcp: string;
  socket: string;
  port: number;
  process: ChildProcess;
  stop(): Promise<void>;
}

/** The command that gets clamd; tests that need it say so. */
export const installClamd = 'apt-get install clamav-daemon';

/**
 * A real clamd, on a free port and a socket of its own, with a database of nothing but the EICAR test file: as a file
 * (`hdb`) and anywhere in a file (`ndb`). `settings` are lines of clamd.conf that replace the ones here;
 * `bodySignatures` is the whole database instead, in the format of `ndb`.
 */
export async function startClamd(
  program: string,
  settings: Record<string, string> = {},
  bodySignatures?: string,
): Promise<Clamd> {
  const directory = await makeTemporaryDirectory();
  const port = await freePort();
  const socket = join(directory, 'clamd.sock');
  await writeSignatures(join(directory, 'db'), bodySignatures);
  const configuration = join(directory, 'clamd.conf');
  const all = {
    ...presets,
    ...placesBelow(directory),
    LocalSocket: socket,
    TCPSocket: String(port),
    ...settings,
  };
  await writeFile(
    configuration,
    Object.entries(all)
      .map((line) => `${line.join(' ')}\n`)
      .join(''),
  );
  const child = spawn(program, ['-c', configuration], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (output += String(bytes)));
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await untilListening(port, child);
  } catch {
    await stop();
    throw new Error(`clamd did not start: ${output}`);
  }
  return { tcp: `clamd://127.0.0.1:${port}`, socket: `clamd://${socket}`, port, process: child, stop };
}

/** Started by root, clamd would otherwise want a user of its own, which does not come with the program alone. */
const presets = {
  TCPAddr: '127.0.0.1',
  Foreground: 'yes',
  SelfCheck: '0',
  StreamMaxLength: '300M',
  MaxFileSize: '400M',
  MaxScanSize: '400M',
  AlertExceedsMax: 'yes',
};

const placesBelow = (directory: string) => ({
  DatabaseDirectory: join(directory, 'db'),
  PidFile: join(directory, 'clamd.pid'),
  TemporaryDirectory: directory,
});

async function writeSignatures(directory: string, bodySignatures?: string): Promise<void> {
  await mkdir(directory);
  const body = Buffer.from(eicarString).toString('hex');
  await writeFile(join(directory, 'test.ndb'), bodySignatures ?? `Eicar-Body:0:*:${body}\n`);
  if (bodySignatures !== undefined) return;
  await writeFile(join(directory, 'test.hdb'), '44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature\n');
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('clamd does not listen.');
    const socket = connect(port, '127.0.0.1');
    const isListening = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isListening) return;
    await sleep(20);
  }
}
