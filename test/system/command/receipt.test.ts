import { access, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compactVerify, importJWK } from 'jose';
import { runCommand } from '../../support/run-command.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';

const content = 'a contract that an auditor asks for';
const statuses = { genuine: 0, tampered: 1, notRun: 2, unknownKey: 3 };

interface Receipt {
  id: string;
  receipt: string;
  createdAt: string;
  organizationId: string;
}

let service: TestService;
let stored: Receipt;
let receiptFile: string;
let keysFile: string;

beforeAll(async () => {
  service = await startService();
  const { id } = await service.client.upload({ content, name: 'Vertrag.txt' });
  const query = 'query ($id: ID!) { attachment(id: $id) { id organizationId createdAt receipt } }';
  stored = (await service.client.ask<{ attachment: Receipt }>(query, { id })).attachment;
  receiptFile = join(service.dataDirectory, 'receipt.txt');
  keysFile = join(service.dataDirectory, 'keys.json');
  await writeFile(receiptFile, `${stored.receipt}\n`);
  await writeFile(keysFile, await (await fetch(`${service.url}/.well-known/jwks.json`)).text());
});
afterAll(() => service.close());

const receipt = (...words: string[]) =>
  runCommand(['receipt', ...words], { DATA_DIR: service.dataDirectory });

test('a receipt says all of what is stored, and any JOSE library verifies it', async () => {
  const { keys } = JSON.parse(await readFile(keysFile, 'utf8'));
  expect(Object.keys(keys[0]).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
  const { payload, protectedHeader } = await compactVerify(stored.receipt, await importJWK(keys[0]));
  expect(protectedHeader).toMatchObject({ alg: 'EdDSA', kid: keys[0].kid });
  expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({
    iss: service.url,
    event: 'stored',
    attachment: {
      id: stored.id,
      organizationId: stored.organizationId,
      fileName: 'Vertrag.txt',
      size: content.length,
      contentType: 'text/plain',
      sha256: sha256(content),
      md5: expect.stringMatching(/^[0-9a-f]{32}$/),
      createdAt: stored.createdAt,
    },
  });
});

test('the command verifies it with the keys alone, and the content with it', async () => {
  const contentFile = join(service.dataDirectory, 'content.txt');
  await writeFile(contentFile, content);
  const verified = await receipt(
    'verify',
    receiptFile,
    '--keys',
    keysFile,
    '--content',
    contentFile,
    '--json',
  );
  expect([verified.status, verified.stderr]).toEqual([statuses.genuine, '']);
  expect(JSON.parse(verified.stdout)).toMatchObject({
    attachment: { id: stored.id, sha256: sha256(content) },
  });
  await writeFile(contentFile, content.replace('contract', 'Contract'));
  const other = await receipt('verify', receiptFile, '--content', contentFile);
  expect([other.status, other.stderr]).toEqual([
    statuses.tampered,
    `${contentFile} is not what the receipt is for.\n`,
  ]);
});

test('one that goes into the trash and then for good in one request has a receipt of each', async () => {
  await using other = await startService({ TRASH_DAYS: '1' });
  const { id } = await other.client.upload({ content });
  const answer = await other.client.ask<Record<'one' | 'two', { first: string; again: string }>>(
    `mutation ($id: ID!) {
      one: deleteAttachment(input: { attachmentId: $id }) { first: receipt again: receipt }
      two: deleteAttachment(input: { attachmentId: $id, permanently: true }) { first: receipt again: receipt } }`,
    { id },
  );
  const eventOf = (text: string) =>
    (JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()) as { event: string }).event;
  expect([eventOf(answer.one.first), eventOf(answer.two.first)]).toEqual(['trashed', 'deleted']);
  expect([answer.one.again, answer.two.again]).toEqual([answer.one.first, answer.two.first]);
});

test('receipts that are changed, of an unknown key, or no file at all are told apart', async () => {
  const [header = '', payload = '', signature = ''] = stored.receipt.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const forged = Buffer.from(JSON.stringify({ ...claims, iat: claims.iat + 1 })).toString('base64url');
  const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: 'claimcheck-receipt+jws' })).toString(
    'base64url',
  );
  const file = join(service.dataDirectory, 'other.txt');
  const cases: [string, number][] = [
    [`${header}.${forged}.${signature}`, statuses.tampered],
    [`${unsigned}.${payload}.`, statuses.tampered],
    [stored.receipt.slice(0, -10), statuses.tampered],
    ['', statuses.tampered],
    [`${renamed(header)}.${payload}.${signature}`, statuses.unknownKey],
  ];
  for (const [text, status] of cases) {
    await writeFile(file, text);
    expect((await receipt('verify', file)).status).toBe(status);
  }
  expect((await receipt('verify', join(service.dataDirectory, 'none.txt'))).status).toBe(statuses.notRun);
  expect((await receipt('verify')).status).toBe(statuses.notRun);
});

test('files that cannot be read, or are no keys, are told by their names', async () => {
  const folder = service.dataDirectory;
  const other = join(folder, 'no-keys.json');
  await writeFile(other, '{}');
  const cases: [string[], string][] = [
    [['verify', folder], `${folder} cannot be read (EISDIR)`],
    [['verify', '/dev/zero'], '/dev/zero has more than 16777216 bytes'],
    [['verify', receiptFile, '--keys', folder], `${folder} cannot be read (EISDIR)`],
    [['verify', receiptFile, '--keys', other], `${other} is no JWK set of Ed25519 keys`],
    [['verify', receiptFile, '--content', folder], `${folder} cannot be read (EISDIR)`],
  ];
  for (const [words, message] of cases) {
    const { status, stderr } = await receipt(...words);
    expect({ words, status, stderr }).toEqual({ words, status: statuses.notRun, stderr: `${message}\n` });
  }
  for (const [file, fault] of [
    [join(folder, 'none.json'), 'cannot be read (ENOENT)'],
    [folder, 'cannot be read (EISDIR)'],
    ['/dev/zero', 'has more than 16777216 bytes'],
  ] as const) {
    const { stderr } = await runCommand(['receipt', 'keys'], { DATA_DIR: folder, RECEIPT_KEYS_FILE: file });
    expect(stderr).toContain(`  RECEIPT_KEYS_FILE: ${file} ${fault}\n`);
  }
});

test('without keys nothing is verified or rotated, and no keys are made', async () => {
  const DATA_DIR = join(service.dataDirectory, 'elsewhere');
  for (const words of [['verify', receiptFile], ['keys'], ['rotate']]) {
    const { status, stderr } = await runCommand(['receipt', ...words], { DATA_DIR });
    expect([status === 0, stderr]).toEqual([false, expect.stringContaining('there are no keys of receipts')]);
  }
  await expect(access(DATA_DIR)).rejects.toThrow('ENOENT');
});

test('a deletion has a receipt that says when and by whom', async () => {
  const { id } = await service.client.upload({ content: 'gone', name: 'gone.txt' });
  const { viewer } = await service.client.ask<{ viewer: { principal: { id: string } } }>(
    '{ viewer { principal { id } } }',
  );
  const { deleteAttachment } = await service.client.ask<{ deleteAttachment: { receipt: string } }>(
    'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { receipt } }',
    { id },
  );
  const file = join(service.dataDirectory, 'deleted.txt');
  await writeFile(file, deleteAttachment.receipt);
  const verified = await receipt('verify', file, '--json');
  expect(JSON.parse(verified.stdout)).toMatchObject({
    event: 'deleted',
    attachment: { id, sha256: sha256('gone') },
    deletedAt: expect.any(String),
    deletedBy: viewer.principal.id,
  });
});

test('after a rotation new receipts have another key, and old ones stay genuine', async () => {
  expect((await receipt('rotate')).status).toBe(0);
  const again = await startService({ DATA_DIR: service.dataDirectory, BOOTSTRAP_API_KEY: service.key });
  try {
    const query = 'query ($id: ID!) { attachment(id: $id) { receipt } }';
    const { attachment } = await again.client.ask<{ attachment: Receipt }>(query, { id: stored.id });
    const { keys } = JSON.parse(await (await fetch(`${again.url}/.well-known/jwks.json`)).text());
    expect(keys).toHaveLength(2);
    expect(JSON.stringify(keys)).not.toContain('"d"');
    const file = join(service.dataDirectory, 'new.txt');
    await writeFile(file, attachment.receipt);
    expect((await receipt('verify', file)).status).toBe(statuses.genuine);
    expect((await receipt('verify', receiptFile)).status).toBe(statuses.genuine);
    expect((await receipt('verify', file, '--keys', keysFile)).status).toBe(statuses.unknownKey);
  } finally {
    await again.close();
  }
});

test('rotations at once, by several processes, lose no key', async () => {
  const before = await publicKeys();
  const rotated = await Promise.all(Array.from({ length: 4 }, () => receipt('rotate')));
  const names = rotated.map(({ status, stdout }) => [status, stdout.split(' ')[0]]);
  const after = await publicKeys();
  expect(after.slice(4)).toEqual(before);
  expect(after.slice(0, 4).toSorted()).toEqual(names.map(([, name]) => name).toSorted());
  expect(names.map(([status]) => status)).toEqual([0, 0, 0, 0]);
  expect(await findOpenToOthers()).toEqual([]);
});

async function publicKeys(): Promise<string[]> {
  const { keys } = JSON.parse((await receipt('keys')).stdout) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

/** Files of the keys that others than their owner may read. */
async function findOpenToOthers(): Promise<string[]> {
  const names = (await readdir(service.dataDirectory)).filter((name) => name.startsWith('receipt-keys'));
  const modes = await Promise.all(names.map((name) => stat(join(service.dataDirectory, name))));
  return names.filter((_, index) => ((modes[index]?.mode ?? 0) & 0o077) !== 0);
}

/** The header with a key's name that nobody has. */
function renamed(header: string): string {
  const fields = JSON.parse(Buffer.from(header, 'base64url').toString());
  return Buffer.from(JSON.stringify({ ...fields, kid: 'another' })).toString('base64url');
}
