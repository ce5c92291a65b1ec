import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { peakMebibytes } from '../../support/peak-memory.js';
import { report } from '../../support/report.js';
import { type SpawnedService, spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const mebibyte = 1024 * 1024;

/** A page as an app shows it, with where each file is used: 60 KB. */
const list = `{
  attachments(first: 100) {
    nodes {
      id fileName contentType size status createdAt url digest { hash } createdBy { id kind name }
      links { nodes { record { type id: recordId } field position state } }
    }
  }
}`;

let directory: string;
let service: SpawnedService;
beforeAll(async () => {
  directory = await makeTemporaryDirectory();
  service = await spawnService({ DATA_DIR: directory });
});
afterAll(async () => {
  await service.end('SIGTERM');
  await rm(directory, { recursive: true, force: true });
});

/** Asks all of `count`, a few at a time. */
async function atOnce(clients: number, count: number, ask: (index: number) => Promise<unknown>) {
  let next = 0;
  const client = async () => {
    while (next < count) await ask(next++);
  };
  await Promise.all(Array.from({ length: clients }, client));
}

async function askForList(): Promise<void> {
  const answer = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { ...service.client.headers, 'content-type': 'application/json' },
    body: JSON.stringify({ query: list }),
  });
  expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(50_000);
}

async function askForBytes(url: string): Promise<void> {
  const { body } = await service.client.download(url);
  for await (const chunk of body ?? []) expect(chunk.length).toBeGreaterThan(0);
}

test('a service at work needs at most 115 MiB more than at rest', async () => {
  const atRest = await peakMebibytes(service.process.pid);
  const large = new Blob([randomBytes(64 * mebibyte)]);
  await atOnce(16, 2_000, (index) =>
    service.client.upload(
      { content: `${index}`, name: `${index}.txt` },
      { record: { type: 'Page', id: String(index % 10) }, field: `files-${Math.floor(index / 1_000)}` },
    ),
  );
  const stored = await Promise.all([1, 2, 3, 4].map(() => service.client.upload({ content: large })));
  await atOnce(16, 1_000, askForList);
  await atOnce(4, 12, (index) => askForBytes(stored[index % 4]?.url ?? ''));
  const atWork = await peakMebibytes(service.process.pid);
  report(`memory: ${atRest} MiB at rest, at most ${atWork} at work`);
  expect(atWork - atRest).toBeLessThan(115);
}, 120_000);
