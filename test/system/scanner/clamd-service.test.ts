import { setTimeout as pause } from 'node:timers/promises';
import { eicar } from '../../service/verdicts/gated-scanner.js';
import { Switchboard } from '../../service/verdicts/switchboard.js';
import { type Clamd, installClamd, startClamd } from '../../support/clamd.js';
import type { AttachmentData } from '../../support/client.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { zipped } from '../../unit/scanner/content.js';
import { type Misbehaviour, startFakeClamd } from '../../unit/scanner/fake-clamd.js';

const mebibyte = 1024 * 1024;

async function statusOf({ client }: TestService, id: string): Promise<string> {
  const query = 'query ($id: ID!) { attachment(id: $id) { status } }';
  return (await client.ask<{ attachment: { status: string } }>(query, { id })).attachment.status;
}

async function verdictOf(service: TestService, id: string, seconds = 30): Promise<string> {
  const deadline = Date.now() + seconds * 1_000;
  for (;;) {
    const status = await statusOf(service, id);
    if (status !== 'PENDING' || Date.now() > deadline) return status;
    await pause(25);
  }
}

async function untilReady({ url }: TestService): Promise<void> {
  for (let round = 0; round < 400; round += 1) {
    if ((await fetch(`${url}/health/ready`)).ok) return;
    await pause(25);
  }
  throw new Error('It is not ready.');
}

const rescan = ({ client }: TestService, attachmentId: string) =>
  client.ask(
    `mutation ($id: ID!) { rescanAttachment(input: { attachmentId: $id }) { attachment { status } } }`,
    { id: attachmentId },
  );

async function failedScans({ url }: TestService): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^claimcheck_verdicts_total\{outcome="failed"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** Bytes with EICAR at `position`. */
function infectedAt(position: number, size: number): Buffer<ArrayBuffer> {
  const content = Buffer.alloc(size);
  content.write(eicar, position, 'latin1');
  return content;
}

describeWithProgram('clamd', installClamd, (program) => {
  let clamd: Clamd;
  let switchboard: Switchboard;
  let scanner: string;
  beforeEach(async () => {
    clamd = await startClamd(program);
    switchboard = new Switchboard();
    scanner = await switchboard.open();
    switchboard.target = clamd.port;
  });
  afterEach(async () => {
    switchboard.close();
    await clamd.stop();
  });

  const start = (retrySeconds: string) =>
    startService({ SCANNER: scanner, SCAN_RETRY_SECONDS: retrySeconds });

  test('rejects EICAR wherever it is, and approves what is empty or clean', async () => {
    await using service = await start('0,0');
    const contents: [string, Uint8Array<ArrayBuffer>, string][] = [
      ['at the start', infectedAt(0, 68), 'REJECTED'],
      ['across 64 KiB', infectedAt(65_536 - 30, 200_000), 'REJECTED'],
      ['across 1 MiB', infectedAt(mebibyte - 30, 2 * mebibyte), 'REJECTED'],
      ['across 4 MiB', infectedAt(4 * mebibyte - 1, 5 * mebibyte), 'REJECTED'],
      ['at the end', infectedAt(3 * mebibyte, 3 * mebibyte + 68), 'REJECTED'],
      ['in an archive', new Uint8Array(zipped('eicar.com', Buffer.from(eicar))), 'REJECTED'],
      ['nowhere', Buffer.alloc(4 * mebibyte), 'APPROVED'],
      ['nowhere, for it is empty', new Uint8Array(), 'APPROVED'],
    ];
    const verdicts: Record<string, string> = {};
    for (const [name, content] of contents) {
      const { id, status } = await service.client.upload({ content, name: 'a.dat' });
      expect(status).toBe('PENDING');
      verdicts[name] = await verdictOf(service, id);
    }
    expect(verdicts).toEqual(Object.fromEntries(contents.map(([name, , verdict]) => [name, verdict])));
  }, 60_000);

  test.each(['from the start', 'for a while'])(
    'down %s while files are uploaded, it judges every one once it is back',
    async (when) => {
      if (when === 'from the start') switchboard.target = null;
      await using service = await start('1,1,1,1,1,1,2,2,2,2,2');
      if (when === 'for a while') await untilReady(service);
      switchboard.target = null;
      const expected = new Map<string, string>();
      for (let count = 0; count < 12; count += 1) {
        const isInfected = count % 3 === 0;
        const content = isInfected ? infectedAt(count, 4_096) : Buffer.alloc(4_096, count);
        const { id } = await service.client.upload({ content });
        expected.set(id, isInfected ? 'REJECTED' : 'APPROVED');
      }
      await pause(1_500);
      for (const id of expected.keys()) expect(await statusOf(service, id)).toBe('PENDING');
      switchboard.target = clamd.port;
      const startedAt = Date.now();
      const found = new Map<string, string>();
      for (const id of expected.keys()) found.set(id, await verdictOf(service, id));
      expect(found).toEqual(expected);
      report(`down ${when}: ${found.size} files judged within ${Date.now() - startedAt} ms of its return`);
    },
    60_000,
  );

  test('killed in the midst of a file of 40 MiB, it judges it once it is back', async () => {
    await using service = await start('1,1,1,1,1');
    await untilReady(service);
    const content = infectedAt(39 * mebibyte, 40 * mebibyte);
    const before = switchboard.forwarded;
    const uploading = service.client.upload({ content });
    const deadline = Date.now() + 20_000;
    while (switchboard.forwarded - before < 5 * mebibyte && Date.now() < deadline) await pause(1);
    const cutAt = switchboard.forwarded - before;
    clamd.process.kill('SIGKILL');
    const { id } = await uploading;
    await pause(500);
    expect(await statusOf(service, id)).toBe('PENDING');
    await clamd.stop();
    clamd = await startClamd(program);
    switchboard.target = clamd.port;
    expect(await verdictOf(service, id)).toBe('REJECTED');
    report(`killed after ${(cutAt / mebibyte).toFixed(1)} of 40 MiB`);
    expect(cutAt).toBeLessThan(39 * mebibyte);
  }, 60_000);

  test.each([{ MaxFileSize: '2M' }, { MaxScanSize: '2M' }, { StreamMaxLength: '2M' }])(
    'approves nothing that is over its limit %j',
    async (limit) => {
      await clamd.stop();
      clamd = await startClamd(program, limit);
      switchboard.target = clamd.port;
      await using service = await start('0');
      const verdicts: string[] = [];
      for (const position of [0, 4 * mebibyte]) {
        const { id } = await service.client.upload({ content: infectedAt(position, 5 * mebibyte) });
        verdicts.push(await verdictOf(service, id));
      }
      const { id } = await service.client.upload({ content: Buffer.alloc(mebibyte) });
      expect([...verdicts, await verdictOf(service, id)]).toEqual(['SCAN_FAILED', 'SCAN_FAILED', 'APPROVED']);
    },
    60_000,
  );

  test('whatever nonsense it answers, nothing is approved, and what was rejected stays so', async () => {
    // Most of the time is spent on waiting until the scanner is trusted again.
    const groups = [0, 1, 2].map((group) => nonsense.filter((_, index) => index % 3 === group));
    await Promise.all(groups.map(expectNoApproval));
    report(`${nonsense.length} kinds of nonsense approved nothing`);
  }, 180_000);

  async function expectNoApproval(misbehaviours: readonly Misbehaviour[]): Promise<void> {
    const ownSwitchboard = new Switchboard();
    const settings = { SCANNER: await ownSwitchboard.open(), SCAN_RETRY_SECONDS: '0' };
    ownSwitchboard.target = clamd.port;
    await using service = await startService(settings);
    await untilReady(service);
    const infected = await service.client.upload({ content: infectedAt(0, 68) });
    expect(await verdictOf(service, infected.id)).toBe('REJECTED');
    for (const misbehaviour of misbehaviours) {
      const fake = await startFakeClamd(misbehaviour);
      ownSwitchboard.target = fake.port;
      // Bytes still on their way cannot be told from those that were read, so an early answer is one only to a large file.
      const size = misbehaviour.after === undefined ? 3 * mebibyte + 1 : 20 * mebibyte;
      const { id } = await service.client.upload({ content: Buffer.alloc(size, 'x') });
      // A small file is over before the fake that answers early would say anything.
      if (misbehaviour.after === undefined) await rescanToItsEnd(service, infected);
      const outcome = [await verdictOf(service, id), await statusOf(service, infected.id)];
      expect({ misbehaviour, outcome }).toEqual({ misbehaviour, outcome: ['SCAN_FAILED', 'REJECTED'] });
      fake.stop();
      // Trusted again, so that the next one's nonsense comes in the midst of a scan.
      ownSwitchboard.target = clamd.port;
      await untilReady(service);
    }
    ownSwitchboard.target = null;
    await rescanToItsEnd(service, infected);
    expect(await statusOf(service, infected.id)).toBe('REJECTED');
    ownSwitchboard.close();
  }

  /** Returns once the last attempt has come to nothing. */
  async function rescanToItsEnd(service: TestService, { id }: AttachmentData): Promise<void> {
    const before = await failedScans(service);
    await rescan(service, id);
    const deadline = Date.now() + 10_000;
    while ((await failedScans(service)) === before && Date.now() < deadline) await pause(10);
    expect(await failedScans(service)).toBeGreaterThan(before);
  }
});

const nonsense: Misbehaviour[] = [
  { reply: 'stream: OK', ending: 'end' },
  { reply: 'OK\0', ending: 'end' },
  { reply: 'stream: OK \0', ending: 'end' },
  { reply: 'stream: ok\0', ending: 'end' },
  { reply: '\xff\xfe\x01\0', ending: 'end' },
  { reply: 'stream: OK\0stream: OK\0', ending: 'end' },
  { reply: 'stream: lstat() failed ERROR\0', ending: 'end' },
  { reply: '', ending: 'end' },
  { reply: '', ending: 'reset' },
  { after: 500_000, reply: 'stream: OK\0', ending: 'end' },
  { after: 500_000, reply: 'stream: OK\0', ending: 'reset' },
];
