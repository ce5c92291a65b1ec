import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { report } from '../../support/report.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const fixture = fileURLToPath(new URL('./large-body.fixture.js', import.meta.url));
const mebibyte = 1024 * 1024;
const size = 100 * mebibyte;
/** A multiple of three, so that its base64 has no padding and can be repeated. */
const block = randomBytes(3 * mebibyte);
const lastBlock = block.subarray(0, size % block.length);
const blockCount = Math.floor(size / block.length);

interface Answer {
  stored: { size: number; sha256: string; declaredType: string | null }[];
  maxDelayMs: number;
  peakRss: number;
}

function* bodyPieces(start: string, write: (bytes: Buffer) => string): Generator<string> {
  yield `{"query":"mutation { a }","variables":{"input":{"content":{"text":"${start}`;
  const text = write(block);
  for (let count = 0; count < blockCount; count += 1) yield text;
  yield `${write(lastBlock)}"}}}}`;
}

function sha256(): string {
  const hash = createHash('sha256');
  for (let count = 0; count < blockCount; count += 1) hash.update(block);
  return hash.update(lastBlock).digest('hex');
}

async function send(url: string, pieces: Iterable<string>): Promise<Answer> {
  const outgoing = request(url, { method: 'POST' });
  const answered = once(outgoing, 'response');
  await pipeline(Readable.from(pieces), outgoing);
  const [response] = await answered;
  return (await json(response)) as Answer;
}

describe('a content of 100 MiB', () => {
  let directory: string;
  let child: ChildProcessByStdio<null, Readable, null>;
  let url: string;

  beforeEach(async () => {
    directory = await makeTemporaryDirectory();
    child = spawn(process.execPath, [fixture, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(child.stdout, 'data');
    url = String(line).trim();
  });

  afterEach(async () => {
    const gone = once(child, 'exit');
    child.kill();
    await gone;
    await rm(directory, { recursive: true, force: true });
  });

  test.each([
    ['as base64', '', null, (bytes: Buffer) => bytes.toString('base64')],
    [
      'as a data URL with its slashes escaped',
      'data:image\\/png;base64,',
      'image/png',
      (bytes: Buffer) => bytes.toString('base64').replaceAll('/', '\\/'),
    ],
  ])('%s is stored in little memory', async (name, start, declaredType, write) => {
    const began = performance.now();
    const { stored, maxDelayMs, peakRss } = await send(url, bodyPieces(start, write));
    const seconds = (performance.now() - began) / 1000;
    expect(stored).toEqual([{ size, sha256: sha256(), declaredType }]);
    report(
      `${name}: ${seconds.toFixed(1)} s, peak RSS ${Math.round(peakRss / mebibyte)} MiB, ` +
        `longest pause of the event loop ${maxDelayMs.toFixed(1)} ms`,
    );
    expect(peakRss).toBeLessThan(450 * mebibyte);
  });
});
