import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PrincipalRow } from '../../../src/database/entities/organization.js';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { runCommand, startCommand } from '../../support/run-command.js';
import { startService, type TestService } from '../../support/service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase, queryTestDatabase } from '../../support/test-database.js';

const kills = Number(process.env['ROUNDS'] ?? 2);
const content = 'words';
let service: TestService;
let folder: string;
beforeAll(async () => {
  service = await startService({ TRASH_DAYS: '3', WEBHOOK_ALLOW_PRIVATE: 'true' });
  folder = await makeTemporaryDirectory();
  const endpoint = `mutation ($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) { __typename } }`;
  await service.client.ask(endpoint, {
    input: { uri: 'http://127.0.0.1:9/', events: ['ATTACHMENT_CREATED', 'ATTACHMENT_DELETED'] },
  });
});
afterAll(() => service.close());

const env = () => ({ DATA_DIR: service.dataDirectory });
const run = (...words: string[]) => runCommand(words, env());

const tables = [
  'attachments',
  'trashed_attachments',
  'attachment_versions',
  'upload_targets',
  'idempotency_keys',
  'share_links',
  'api_keys',
  'principals',
  'audit_events',
  'webhook_events',
  'webhook_deliveries',
  'webhook_endpoints',
];

/** Rows that hold the id anywhere. */
async function countNaming(id: string): Promise<number> {
  let naming = 0;
  for (const table of tables) {
    const rows = await queryTestDatabase<object>(service.dataDirectory, `SELECT * FROM ${table}`);
    naming += rows.filter((row) => JSON.stringify(row).includes(id)).length;
  }
  return naming;
}

interface Anna {
  client: Client;
  id: string;
  owned: string;
  gone: string[];
}

/** Some are deliveries by then; later ones may be waiting still. */
async function untilTold(id: string): Promise<void> {
  const bodies = () =>
    queryTestDatabase<{ body: string }>(service.dataDirectory, 'SELECT body FROM webhook_deliveries');
  while (!(await bodies()).some(({ body }) => body.includes(id))) await pause(20);
}

/** Between two tables that are read one after the other, an event that becomes a delivery is counted twice, or not at all. */
async function untilAllTold(id: string): Promise<void> {
  const events = () => queryTestDatabase<object>(service.dataDirectory, 'SELECT * FROM webhook_events');
  while ((await events()).some((row) => JSON.stringify(row).includes(id))) await pause(20);
}

/** A principal with one of everything. */
async function makeAnna(): Promise<Anna> {
  const client = await newClient(service);
  const { viewer } = await client.ask<{ viewer: { principal: { id: string } } }>(
    '{ viewer { principal { id } } }',
  );
  const { id: owned } = await client.upload(
    { content, name: 'owned.txt' },
    { record: { type: 'Task', id: '1' }, idempotencyKey: 'once' },
  );
  const loose = await client.upload({ content, name: 'loose.txt' });
  const trashed = await client.upload({ content, name: 'trashed.txt' });
  await untilTold(viewer.principal.id);
  const run = (operation: string, input: object) =>
    client.ask(
      `mutation ($input: ${operation[0]?.toUpperCase()}${operation.slice(1)}Input!) { ${operation}(input: $input) { __typename } }`,
      { input },
    );
  await run('deleteAttachment', { attachmentId: trashed.id });
  await run('createShareLink', { attachmentId: owned });
  await run('createUploadTarget', { fileName: 'a.txt', contentType: 'text/plain', size: 3 });
  return { client, id: viewer.principal.id, owned, gone: [loose.id, trashed.id].toSorted() };
}

interface Told {
  pseudonym: string;
  statement: string;
}

interface Statement {
  gone: { attachments: { id: string }[]; uploads: number; idempotencyKeys: number };
  stays: { kind: string; because: string }[];
}

async function verify(statement: string) {
  const file = join(folder, 'statement.jws');
  await writeFile(file, statement);
  return run('receipt', 'verify', file, '--json');
}

const whole = { uploads: 1, idempotencyKeys: 1 };

test('a dry run says what would go and changes nothing', async () => {
  const anna = await makeAnna();
  await untilAllTold(anna.id);
  const before = await countNaming(anna.id);
  const { stdout, status } = await run('erase', '--principal', anna.id, '--dry-run', '--json');
  expect({ told: JSON.parse(stdout) as object, status }).toMatchObject({
    status: 0,
    told: { gone: { attachments: 2, ...whole }, ended: { apiKeys: 1, shareLinks: 1 } },
  });
  expect(await countNaming(anna.id)).toBe(before);
  await anna.client.ask('{ viewer { organizationId } }');
});

test('nothing names an erased principal, its owned files stay, and the statement is verified', async () => {
  const anna = await makeAnna();
  const mine = await service.client.upload({ content, name: 'mine.txt' });
  const { stdout, status } = await run('erase', '--principal', anna.id, '--by', 'the law', '--json');
  expect(status).toBe(0);
  const { pseudonym, statement } = JSON.parse(stdout) as Told;
  expect(await countNaming(anna.id)).toBe(0);

  const verified = await verify(statement);
  const told = JSON.parse(verified.stdout) as Statement;
  expect(told).toMatchObject({ event: 'erased', principal: anna.id, pseudonym, gone: whole });
  expect(told.gone.attachments.map(({ id }) => id).toSorted()).toEqual(anna.gone);
  expect(told.stays).toContainEqual({ kind: 'ownedAttachments', count: 1, because: 'a record owns them' });
  const [header, payload, signature] = statement.split('.');
  expect(await verify([header, `${payload?.slice(0, -4)}AAAA`, signature].join('.'))).toMatchObject({
    status: 1,
  });

  const query = 'query ($id: ID!) { attachment(id: $id) { createdBy { id kind name } } }';
  expect(await service.client.ask(query, { id: anna.owned })).toEqual({
    attachment: { createdBy: { id: pseudonym, kind: 'SERVICE', name: null } },
  });
  for (const id of anna.gone) expect(await service.client.ask(query, { id })).toEqual({ attachment: null });
  expect(await service.client.ask(query, { id: mine.id })).not.toEqual({ attachment: null });
  expect((await anna.client.graphql(query, { id: anna.owned })).errors?.[0]?.extensions.code).toBe(
    'UNAUTHENTICATED',
  );

  const audit = await service.client.ask<{ auditLog: { nodes: { details: object }[] } }>(
    '{ auditLog(filter: { action: [PRINCIPAL_ERASED] }) { nodes { attachmentId details } } }',
  );
  expect(audit.auditLog.nodes).toEqual([
    { attachmentId: null, details: { principalId: pseudonym, by: 'the law' } },
  ]);
  const again = await run('erase', '--principal', anna.id);
  expect(again.stderr).toContain(`names the principal ${anna.id}`);
  expect(again.status).not.toBe(0);

  // Whoever bears the pseudonym as a name gets another, and the statement tells of its own files alone.
  const thief = await makeAnna();
  const database = await openTestDatabase(service.dataDirectory);
  await database.write((manager) => manager.update(PrincipalRow, { id: thief.id }, { name: pseudonym }));
  await database.close();
  const stolen = JSON.parse((await run('erase', '--principal', thief.id, '--json')).stdout) as Told;
  expect(stolen.pseudonym).not.toBe(pseudonym);
  const { gone } = JSON.parse((await verify(stolen.statement)).stdout) as Statement;
  expect(gone.attachments.map(({ id }) => id).toSorted()).toEqual(thief.gone);
});

test('no unowned file of a principal that is still uploading is left under the pseudonym', async () => {
  const { client, id } = await makeAnna();
  const { process: child, result } = startCommand(['erase', '--principal', id, '--json'], env());
  let uploads = 0;
  while (child.exitCode === null) {
    const { errors } = await client.tryUpload({ content, name: 'late.txt' });
    if (!errors) uploads += 1;
  }
  const { pseudonym, gone } = JSON.parse((await result).stdout) as Told & Statement;
  const left = await queryTestDatabase(
    service.dataDirectory,
    `SELECT id FROM attachments WHERE created_by_id = '${pseudonym}' AND record_id IS NULL`,
  );
  report(`${uploads} uploads beside an erasure that deleted ${gone.attachments.length}`);
  expect(left).toEqual([]);
});

test(
  'an erasure that is killed goes on, and its statement tells of all runs',
  async () => {
    let inBetween = 0;
    for (let round = 0; round < kills; round++) {
      const anna = await makeAnna();
      const before = await countNaming(anna.id);
      const { process: child, result } = startCommand(['erase', '--principal', anna.id], env());
      // As many looks as the round says, after the first row is gone.
      for (let looks = 0; looks < round && child.exitCode === null; )
        if ((await countNaming(anna.id)) < before) looks += 1;
      while (child.exitCode === null && (await countNaming(anna.id)) === before);
      child.kill('SIGKILL');
      await result;
      const left = await countNaming(anna.id);
      if (left > 0 && left < before) inBetween += 1;
      if (left === 0) continue;
      const { stdout } = await run('erase', '--principal', anna.id, '--json');
      const { statement } = JSON.parse(stdout) as Told;
      const told = JSON.parse((await verify(statement)).stdout) as Statement;
      expect(told.gone).toMatchObject(whole);
      expect(told.gone.attachments.map(({ id }) => id).toSorted()).toEqual(anna.gone);
      expect(await countNaming(anna.id)).toBe(0);
    }
    report(`${kills} kills, ${inBetween} of them between two steps`);
  },
  30_000 + kills * 10_000,
);
