import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { randomKey } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { Ledger } from '../doors/ledger.js';

const rounds = roundsOf(3);

interface Versioned {
  version: number;
  url: string;
  digest: { hash: string };
  versions: {
    nodes: { version: number; isCurrent: boolean; digest: { hash: string }; downloadUrl: string }[];
  };
}

test(`kill -9 during replacements, ${rounds} times: each acknowledged content is a version, whole, and no row leads nowhere`, async () => {
  const directory = await makeTemporaryDirectory();
  const random = seededRandom();
  const env = { DATA_DIR: directory, BOOTSTRAP_API_KEY: randomKey(), MAX_VERSIONS: '1000' };
  const acknowledged: string[] = [];
  let cutOff = 0;
  let id = '';
  const query =
    'mutation ($input: ReplaceContentInput!) { replaceContent(input: $input) { version { version } } }';
  for (let round = 0; round < rounds; round += 1) {
    const service = await spawnService(env);
    if (id === '') id = (await service.client.upload({ content: randomBytes(10) })).id;
    const before = acknowledged.length;
    const replaceUntilKilled = async () => {
      for (;;) {
        const content = randomBytes(random.next() < 0.3 ? 200_000 : 1_000);
        const input = { attachmentId: id, content: { upload: null } };
        const answer = await service.client
          .multipart({ query, variables: { input } }, [{ content }], {
            0: ['variables.input.content.upload'],
          })
          .catch(() => null);
        if (!answer?.data) {
          cutOff += 1;
          return;
        }
        acknowledged.push(sha256(content));
      }
    };
    const replacing = [replaceUntilKilled(), replaceUntilKilled()];
    while (acknowledged.length === before) await sleep(5);
    await sleep(random.integer(0, 100));
    await service.end('SIGKILL');
    await Promise.all(replacing);
  }
  const service = await spawnService(env);
  const { attachment } = await service.client.ask<{ attachment: Versioned }>(
    `query ($id: ID!) { attachment(id: $id) { version url digest { hash }
      versions(first: 1000) { nodes { version isCurrent digest { hash } downloadUrl } } } }`,
    { id },
  );
  const versions = attachment.versions.nodes;
  const hashes = new Set(versions.map(({ digest }) => digest.hash));
  expect(acknowledged.filter((hash) => !hashes.has(hash))).toEqual([]);
  expect(versions.map(({ version }) => version)).toEqual(
    versions.map((_, index) => attachment.version - index),
  );
  expect(versions.map(({ isCurrent }) => isCurrent)).toEqual(versions.map((_, index) => index === 0));
  const addresses = [attachment.url, ...versions.slice(0, 20).map(({ downloadUrl }) => downloadUrl)];
  const expected = [attachment.digest.hash, ...versions.slice(0, 20).map(({ digest }) => digest.hash)];
  for (const [index, url] of addresses.entries()) {
    const { pathname, search } = new URL(url);
    const response = await service.client.download(pathname + search);
    expect(sha256(Buffer.from(await response.arrayBuffer()))).toBe(expected[index]);
  }
  await service.end('SIGTERM');
  await using ledger = await Ledger.open(directory);
  expect((await ledger.dangling()).filter((one) => !one.startsWith('file '))).toEqual([]);
  report(
    `seed ${random.seed}: ${rounds} kills, ${acknowledged.length} replacements acknowledged, ${cutOff} cut off`,
  );
  expect(acknowledged.length).toBeGreaterThan(0);
  await rm(directory, { recursive: true, force: true });
}, 120_000);
