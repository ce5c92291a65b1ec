import { cp, rm } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import { otherCreatorId, seedStatements } from '../../../bench/seed-attachments.js';
import { sqliteDialect } from '../../../bench/seed-dialect.js';
import type { ReadLimits } from '../../../src/database/sqlite-readers.js';
import { insertOrganization } from '../../service/live/insert-organization.js';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { randomKey, startService, type TestService } from '../../support/service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';

/** Enough that looking at each takes far longer than looking at the first ten thousand. */
const rows = 60_000;

const total = `query ($filter: AttachmentFilter) {
  attachments(first: 0, filter: $filter) { totalCount totalCountIsExact } }`;
const page = `query ($filter: AttachmentFilter, $after: String) {
  attachments(first: 10, after: $after, filter: $filter) { nodes { id } pageInfo { endCursor } } }`;
/** Matches nothing and has no index, so that as many rows are looked at as a search may. */
const vain = { claimed: true, linked: false };

interface Stage extends AsyncDisposable {
  service: TestService;
  /** A client of another organization, with one attachment. */
  other: Client;
  attachmentId: string;
}

/** The rows are written once; each stage has a copy of them. */
let seeded: string;
const key = randomKey();
beforeAll(async () => {
  seeded = await makeTemporaryDirectory();
  await using service = await startService({ DATA_DIR: seeded, BOOTSTRAP_API_KEY: key });
  const query = '{ viewer { organizationId principal { id } } }';
  const { viewer } = await service.client.ask<{
    viewer: { organizationId: string; principal: { id: string } };
  }>(query);
  const database = await openTestDatabase(seeded);
  const seed = { count: rows, organizationId: viewer.organizationId, viewerId: viewer.principal.id };
  await database.write(async (manager) => {
    for (const statement of seedStatements(sqliteDialect, seed)) await manager.query(statement);
  });
  await database.close();
});
afterAll(() => rm(seeded, { recursive: true }));

async function openStage(readLimits: Partial<ReadLimits> = {}): Promise<Stage> {
  const directory = await makeTemporaryDirectory();
  await cp(seeded, directory, { recursive: true });
  const service = await startService({ DATA_DIR: directory, BOOTSTRAP_API_KEY: key }, { readLimits });
  const organizationId = await insertOrganization(service.dataDirectory);
  const other = await newClient(service, { organizationId });
  const { id } = await other.upload({ content: 'x', name: 'x.txt' });
  const close = async () => {
    await service.close();
    await rm(directory, { recursive: true });
  };
  return { service, other, attachmentId: id, [Symbol.asyncDispose]: close };
}

describe('many rows in the embedded database', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test('a total stops after ten thousand, and costs a fraction of what all of them would', async () => {
    const { client, dataDirectory } = stage.service;
    const database = await openTestDatabase(dataDirectory);
    const all = `SELECT COUNT(*) FROM attachments a WHERE a.organization_id = ? AND a.shared = 1 AND a.shared AND EXISTS
      (SELECT 1 FROM blobs WHERE blobs.id = a.blob_id AND blobs.verdict IN ('APPROVED'))`;
    const { viewer } = await client.ask<{ viewer: { organizationId: string } }>(
      '{ viewer { organizationId } }',
    );
    const bounded: number[] = [];
    const unbounded: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      bounded.push(
        await durationOf(async () => {
          const answer = await client.ask(total, { filter: { status: ['APPROVED'] } });
          expect(answer).toEqual({ attachments: { totalCount: 10_000, totalCountIsExact: false } });
        }),
      );
      unbounded.push(await durationOf(() => database.read.query(all, [viewer.organizationId])));
    }
    await database.close();
    report(
      `10,000 of ${rows}: ${Math.min(...bounded).toFixed()} ms; all: ${Math.min(...unbounded).toFixed()} ms`,
    );
    expect(Math.min(...bounded)).toBeLessThan(Math.min(...unbounded) / 2);
  });

  test('a total of few among many is exact', async () => {
    const filter = { status: ['REJECTED'], createdBy: otherCreatorId };
    const { attachments } = await stage.service.client.ask<{
      attachments: { totalCount: number; totalCountIsExact: boolean };
    }>(total, { filter });
    expect(attachments.totalCountIsExact).toBe(true);
    expect(attachments.totalCount).toBeGreaterThan(0);
    expect(attachments.totalCount).toBeLessThan(200);
  });

  test('six searches of one organization are passed by health and by the reads of another', async () => {
    const { service, other, attachmentId } = stage;
    const ended: string[] = [];
    const note = (what: string) => () => void ended.push(what);
    const searches = Array.from({ length: 6 }, () =>
      service.client.graphql(total, { filter: vain }).then(note('search')),
    );
    const query = 'query ($id: ID!) { attachment(id: $id) { id links { totalCount } createdBy { name } } }';
    const beside = [
      fetch(`${service.url}/health/ready`).then(({ status }) => {
        expect(status).toBe(200);
        ended.push('health');
      }),
      other.ask(query, { id: attachmentId }).then(note('other')),
      other.ask(page).then(note('list')),
    ];
    await Promise.all([...searches, ...beside]);
    // Two searches may run at once; the third waits for one of them.
    expect(ended.slice(0, 5)).toEqual(expect.arrayContaining(['health', 'other', 'list']));
  });
});

describe('with little time for a search', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ list: 5 });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test('a page that cannot be found or counted in time is refused, and never cut short', async () => {
    const { client } = stage.service;
    const filter = { ...vain, contentType: ['application/pdf', 'image/*', 'text/plain', 'video/*'] };
    for (const query of [total, page]) {
      const { errors, data } = await client.graphql(query, { filter });
      expect(data).toBeNull();
      expect(errors?.[0]).toMatchObject({
        message: 'Finding or counting these takes longer than 0.005 seconds: narrow the filter.',
        extensions: { code: 'QUERY_TOO_COMPLEX', details: [{ loc: ['query'], type: 'took_too_long' }] },
      });
    }
  });

  test('others are found meanwhile', async () => {
    const { service, other, attachmentId } = stage;
    const searches = Array.from({ length: 6 }, () => service.client.graphql(total, { filter: vain }));
    const query = 'query ($id: ID!) { attachment(id: $id) { id } node(id: $id) { id } }';
    expect(await other.ask(query, { id: attachmentId })).toEqual({
      attachment: { id: attachmentId },
      node: { id: attachmentId },
    });
    expect(await other.ask('query ($id: ID!) { attachment(id: $id) { id } }', { id: uuidv7() })).toEqual({
      attachment: null,
    });
    for (const { errors } of await Promise.all(searches)) {
      expect(errors?.[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX');
    }
  });
});

describe('with little patience', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ patience: 1 });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test('a write answers with its id while lists of its organization wait in vain', async () => {
    const { client } = stage.service;
    const searches = Array.from({ length: 20 }, () => client.graphql(total, { filter: vain }));
    const input = { content: { base64: 'eA==' }, fileName: 'x.txt', record: { type: 'Case', id: '1' } };
    const created = Array.from({ length: 5 }, () =>
      client.ask(
        `mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) {
          attachment { links { totalCount nodes { field } } } } }`,
        { input: { ...input, field: 'files' } },
      ),
    );
    const payload = { attachment: { links: { totalCount: 1, nodes: [{ field: 'files' }] } } };
    expect(await Promise.all(created)).toEqual(created.map(() => ({ createAttachment: payload })));
    const codes = (await Promise.all(searches)).map(({ errors }) => errors?.[0]?.extensions.code);
    expect(codes).toContain('RATE_LIMITED');
  });
});

async function durationOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
