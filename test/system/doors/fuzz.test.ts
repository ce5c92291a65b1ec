import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { errorTable } from '../../../src/errors.js';
import type { AnswerError, AttachmentData } from '../../support/client.js';
import { RawConnection, type RawResponse, requestHead } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { type SpawnedService, spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { type FuzzRequest, FuzzRequests } from './fuzz-requests.js';
import { Ledger } from './ledger.js';

const count = roundsOf(1_000);
const warmUp = Math.ceil(count / 4);
const connections = 6;
const withinMs = 30_000;
const maxFileSize = 400_000;
const mebibyte = 1024 * 1024;
const { seed } = seededRandom();
const clientFaults = new Set(Object.keys(errorTable).filter((code) => code !== 'INTERNAL_SERVER_ERROR'));

interface Answer {
  data?: { createAttachment?: { attachment: AttachmentData } | null } | null;
  errors?: AnswerError[];
}

let directory: string;
let service: SpawnedService;
beforeAll(async () => {
  directory = await makeTemporaryDirectory();
  const policiesFile = join(directory, 'policies.json');
  const recordTypes = { Event: { policy: 'calendar' }, '*': { policy: 'default' } };
  await writeFile(policiesFile, JSON.stringify({ recordTypes }));
  service = await spawnService({
    DATA_DIR: directory,
    POLICIES_FILE: policiesFile,
    MAX_FILE_SIZE: String(maxFileSize),
    MAX_FILES: '3',
    RATE_LIMIT_PER_MINUTE: '0',
    // A small heap, so that garbage does not lie about for long: it would be measured with what is kept.
    NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=4',
  });
});
afterAll(async () => {
  service.process.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

/** The fault of an answer; null if it has none. */
function faultOf({ sha256 }: FuzzRequest, { status, body }: RawResponse): string | null {
  if (status >= 500) return 'It is a 5xx';
  const { data, errors = [] } = JSON.parse(body) as Answer;
  if (errors.some(({ extensions }) => !isTyped(extensions))) return 'It has an error without a known code';
  if (!data && errors.length === 0) return 'It says nothing';
  if (sha256 === undefined) return null;
  return data?.createAttachment?.attachment.sha256.hash === sha256
    ? null
    : 'A good file was not taken as it is';
}

function isTyped({ code, details }: AnswerError['extensions']): boolean {
  const areDetails = details.every(
    ({ loc, msg, type }) => Array.isArray(loc) && typeof msg === 'string' && /^[a-z0-9_]+$/.test(type),
  );
  return clientFaults.has(code) && areDetails;
}

const codes = new Map<string, number>();

/** Sends requests over connections that are kept, each answered before the next. Counts how often each code came. */
async function run(sources: readonly FuzzRequests[], total: number): Promise<void> {
  const perConnection = Math.ceil(total / sources.length);
  await Promise.all(
    sources.map(async (source) => {
      const connection = await RawConnection.open(service.url);
      for (let sent = 0; sent < perConnection; sent += 1) {
        const code = await sendOne(connection, source);
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
      connection.destroy();
    }),
  );
}

async function sendOne(connection: RawConnection, source: FuzzRequests): Promise<string> {
  const request = source.next();
  const { contentType, body } = request;
  const headers = {
    ...service.client.headers,
    'apollo-require-preflight': 'true',
    'content-type': contentType,
    'content-length': body.length,
  };
  void connection.send(Buffer.concat([Buffer.from(requestHead('/graphql', headers)), body]));
  const response = await connection.response(withinMs).catch((error: unknown) => {
    throw new Error(`${request.kind}: ${error} ${excerpt(body)}`);
  });
  const fault = faultOf(request, response);
  if (fault !== null || !connection.isOpen)
    throw new Error(
      `${request.kind}: ${fault ?? 'The connection was closed'}: ${response.body} ${excerpt(body)}`,
    );
  const { data, errors } = JSON.parse(response.body) as Answer;
  const id = data?.createAttachment?.attachment.id;
  if (id) source.ids.push(id);
  return errors?.[0]?.extensions.code ?? 'OK';
}

const excerpt = (body: Buffer) => JSON.stringify(body.toString('latin1').slice(0, 3_000));

async function residentBytes(): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(service.process.pid)]);
  return Number(stdout) * 1024;
}

test(`${count} requests, most of them wrong, are each answered, and harm nothing (SEED=${seed})`, async () => {
  const sources = Array.from(
    { length: connections },
    (_, index) => new FuzzRequests(seededRandom(seed + index), maxFileSize),
  );
  const started = performance.now();
  await run(sources, warmUp);
  const warm = await residentBytes();
  await run(sources, count - warmUp);
  const seconds = Math.round((performance.now() - started) / 1_000);
  await sleep(500);
  const grown = ((await residentBytes()) - warm) / mebibyte;
  report(
    `${count} requests in ${seconds} s, ${grown.toFixed(1)} MiB more resident; ` +
      [...codes].map(([code, times]) => `${code} ${times}`).join(', '),
  );

  expect(service.process.exitCode).toBeNull();
  expect(await service.end('SIGTERM')).toBe(0);
  expect(service.output().stderr).toBe('');
  await using ledger = await Ledger.open(directory);
  expect(await ledger.dangling()).toEqual([]);
  expect(await ledger.removals()).toBe(0);
  expect(grown).toBeLessThan(60);
  expect(codes.get('OK')).toBeGreaterThan(count / 5);
  expect(codes.size).toBeGreaterThan(12);
}, 400_000);
