import { setTimeout as pause } from 'node:timers/promises';
import { type Scanner, ScannerTrust, type ScanOutcome } from '../../../src/scanner/scanner.js';
import { eicar } from '../../service/verdicts/gated-scanner.js';
import { Switchboard } from '../../service/verdicts/switchboard.js';
import { type Clamd, installClamd, startClamd } from '../../support/clamd.js';
import { startService, type TestService } from '../../support/service.js';
import { describeWithProgram } from '../../support/skip-without.js';

const clean: ScanOutcome = { outcome: 'clean' };

/** Notes what is asked of it, and passes its self-test while `isGood`. */
class NotingScanner implements Scanner {
  readonly name = 'clamd';
  readonly isActive = true;
  readonly asked: string[] = [];
  isGood = true;
  outcome: ScanOutcome = clean;
  /** Called while it scans. */
  whileScanning: () => Promise<void> | void = () => undefined;

  async scan(): Promise<ScanOutcome> {
    this.asked.push('scan');
    await this.whileScanning();
    return this.outcome;
  }

  async selfTest(): Promise<void> {
    this.asked.push('test');
    await pause(1);
    if (!this.isGood) throw new Error('It does not find the EICAR test file.');
  }
}

async function* noContent(): AsyncGenerator<Uint8Array> {}

describe('a scanner is trusted only as far as it has shown what it finds', () => {
  let scanner: NotingScanner;
  let trust: ScannerTrust;
  beforeEach(() => {
    scanner = new NotingScanner();
    trust = new ScannerTrust(scanner, () => undefined);
  });
  const scan = () => trust.scan(noContent(), new AbortController().signal);

  test('a clean verdict lies between two passed tests, of which the first may be that after another scan', async () => {
    expect(await scan()).toEqual(clean);
    expect(await scan()).toEqual(clean);
    expect(scanner.asked).toEqual(['test', 'scan', 'test', 'scan', 'test']);
  });

  test('one that loses its signatures during a scan says nothing clean', async () => {
    scanner.whileScanning = () => {
      scanner.isGood = false;
    };
    await expect(scan()).rejects.toThrow('EICAR');
    await expect(scan()).rejects.toThrow('EICAR');
    expect(scanner.asked).toEqual(['test', 'scan', 'test']);
  });

  test('a lost connection makes it prove itself anew', async () => {
    await scan();
    scanner.outcome = { outcome: 'no verdict', reason: 'the connection failed' };
    await scan();
    scanner.outcome = clean;
    scanner.asked.length = 0;
    await scan();
    expect(scanner.asked).toEqual(['test', 'scan', 'test']);
  });

  test('scans that end while a test runs do not count on it, and share the next', async () => {
    await trust.assertTrusted();
    scanner.asked.length = 0;
    await Promise.all([scan(), scan(), scan(), scan()]);
    const lastScan = scanner.asked.lastIndexOf('scan');
    expect(scanner.asked.slice(lastScan + 1)).toContain('test');
    expect(scanner.asked.filter((what) => what === 'test').length).toBeLessThanOrEqual(2);
  });
});

describeWithProgram('clamd', installClamd, (program) => {
  let clamd: Clamd;
  let switchboard: Switchboard;
  let service: TestService;
  beforeEach(async () => {
    clamd = await startClamd(program);
    switchboard = new Switchboard();
    const scanner = await switchboard.open();
    switchboard.target = clamd.port;
    service = await startService({ SCANNER: scanner, SCAN_RETRY_SECONDS: '0' });
  });
  afterEach(async () => {
    await service.close();
    switchboard.close();
    await clamd.stop();
  });

  async function verdictOn(content: string): Promise<string> {
    const { id } = await service.client.upload({ content: Buffer.from(content, 'latin1') });
    for (;;) {
      const query = 'query ($id: ID!) { attachment(id: $id) { status } }';
      const { attachment } = await service.client.ask<{ attachment: { status: string } }>(query, { id });
      if (attachment.status !== 'PENDING') return attachment.status;
      await pause(25);
    }
  }

  const ready = async () => {
    const answer = await fetch(`${service.url}/health/ready`);
    return { status: answer.status, body: await answer.text(), retry: answer.headers.get('retry-after') };
  };
  const untilReadyIs = async (status: number) => {
    for (let round = 0; round < 400; round += 1) {
      const answer = await ready();
      if (answer.status === status) return answer;
      await pause(25);
    }
    throw new Error(`It is never ${status}.`);
  };

  test('that comes back without signatures approves nothing, until it has them again', async () => {
    expect(await verdictOn('harmless')).toBe('APPROVED');
    await clamd.stop();
    clamd = await startClamd(program, {}, 'Other:0:*:00112233445566778899\n');
    switchboard.target = clamd.port;
    expect(await verdictOn(eicar)).toBe('SCAN_FAILED');
    expect(await verdictOn('harmless')).toBe('SCAN_FAILED');
    await clamd.stop();
    clamd = await startClamd(program);
    switchboard.target = clamd.port;
    await untilReadyIs(200);
    expect(await verdictOn(eicar)).toBe('REJECTED');
    expect(await verdictOn('harmless')).toBe('APPROVED');
  });

  test('that is dead makes the service unready, though the last self-test has passed', async () => {
    await untilReadyIs(200);
    clamd.process.kill('SIGKILL');
    expect(await untilReadyIs(503)).toEqual({
      status: 503,
      body: '{"status":"unavailable","failing":["scanner"]}',
      retry: '5',
    });
    await clamd.stop();
    clamd = await startClamd(program);
    switchboard.target = clamd.port;
    await untilReadyIs(200);
  });
});
