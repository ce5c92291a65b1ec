import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClamdScanner, createScanner } from '../../../src/scanner/create-scanner.js';
import type { Scanner } from '../../../src/scanner/scanner.js';
import { type Clamd, installClamd, startClamd } from '../../support/clamd.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { freePort } from '../../support/free-port.js';
import { report } from '../../support/report.js';
import { describeWithProgram } from '../../support/skip-without.js';
import {
  chunked,
  clean,
  eicar,
  hanging,
  mebibyte,
  noVerdict,
  repeated,
  scan,
  zipped,
} from '../../unit/scanner/content.js';

const infected = { outcome: 'infected', signature: 'Eicar-Body.UNOFFICIAL' };
const zeros = Buffer.alloc(mebibyte);

describeWithProgram('clamd', installClamd, (program) => {
  let clamd: Clamd;
  let scanner: Scanner;
  beforeAll(async () => {
    clamd = await startClamd(program);
    scanner = createScanner(clamd.tcp);
  });
  afterAll(() => clamd.stop());

  test('tests itself, over TCP and over a socket, in little time', async () => {
    expect(scanner).toMatchObject({ name: 'clamd', isActive: true });
    for (const setting of [clamd.tcp, clamd.socket]) {
      const started = performance.now();
      await createScanner(setting).selfTest();
      report(
        `self-test over ${setting === clamd.tcp ? 'TCP' : 'a socket'}: ${Math.round(performance.now() - started)} ms`,
      );
    }
  });

  test('finds EICAR at the start, in the midst, and in a ZIP archive', async () => {
    expect(await scan(scanner, chunked(eicar))).toEqual(infected);
    expect(await scan(scanner, repeated(zeros, 5, eicar, zeros))).toEqual(infected);
    const archive = zipped('eicar.com', eicar);
    expect(archive.includes(eicar)).toBe(false);
    expect(await scan(scanner, chunked(archive))).toMatchObject({ outcome: 'infected' });
    expect(await scan(createScanner(clamd.socket), chunked(archive))).toMatchObject({ outcome: 'infected' });
  });

  test('finds EICAR across the borders of chunks and of the pieces that are sent', async () => {
    for (const cut of [1, 34, 67]) {
      const [head, tail] = [eicar.subarray(0, cut), eicar.subarray(cut)];
      expect(await scan(scanner, chunked(zeros, head, new Uint8Array(), tail, zeros))).toEqual(infected);
      const large = Buffer.concat([zeros, zeros.subarray(cut), eicar, zeros]);
      expect(await scan(scanner, chunked(large))).toEqual(infected);
    }
    expect(await scan(scanner, chunked(...[...eicar].map((byte) => Uint8Array.of(byte))))).toEqual(infected);
  });

  test('calls clean what is empty, small or of some MiB, also many at once', async () => {
    expect(await scan(scanner, chunked())).toEqual(clean);
    expect(await scan(scanner, chunked(new Uint8Array(), eicar.subarray(1)))).toEqual(clean);
    expect(await scan(scanner, repeated(zeros, 3, Buffer.from('x')))).toEqual(clean);
    const many = Array.from({ length: 20 }, (_, index) =>
      scan(scanner, chunked(zeros, index % 2 ? eicar : zeros)),
    );
    expect(await Promise.all(many)).toEqual(many.map((_, index) => (index % 2 ? infected : clean)));
  });

  test('needs no more memory for a larger file', async () => {
    await scan(scanner, repeated(zeros, 8));
    collectGarbage();
    const before = process.memoryUsage().rss;
    let peak = before;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 5);
    const content = (async function* () {
      for (let index = 0; index < 64; index += 1) {
        if (index % 16 === 0) collectGarbage();
        yield Buffer.alloc(mebibyte, index);
      }
    })();
    expect(await scan(scanner, content)).toEqual(clean);
    clearInterval(watch);
    const grown = (peak - before) / mebibyte;
    report(`64 MiB scanned with ${grown.toFixed(1)} MiB more memory`);
    expect(grown).toBeLessThan(32);
  });

  test('gives no verdict when clamd is killed while it is sent content', async () => {
    const killed = await startClamd(program);
    const content = (async function* () {
      yield* repeated(zeros, 3);
      killed.process.kill('SIGKILL');
      await once(killed.process, 'exit');
      yield* repeated(zeros, 100, eicar);
    })();
    expect(await scan(createScanner(killed.tcp), content)).toMatchObject({ outcome: 'no verdict' });
    await killed.stop();
  });

  test('gives no verdict, soon, when clamd goes while the content hangs', async () => {
    const killed = await startClamd(program);
    const content = hanging(zeros);
    const scanning = scan(createScanner(killed.tcp), content);
    await sleep(200);
    killed.process.kill('SIGKILL');
    expect(await scanning).toMatchObject({ outcome: 'no verdict' });
    expect(content.wasReleased).toBe(true);
    await killed.stop();
  });

  test('gives no verdict when clamd cannot be reached, and fails its self-test', async () => {
    for (const setting of [`clamd://127.0.0.1:${await freePort()}`, `${clamd.socket}.gone`]) {
      const stream = Readable.from(repeated(zeros, 100));
      expect(await scan(createScanner(setting), stream)).toEqual(noVerdict('clamd could not be reached (E'));
      expect(stream.destroyed).toBe(true);
      await expect(createScanner(setting).selfTest()).rejects.toThrow(
        /does not find .* could not be reached/,
      );
    }
  });

  test('passes on what the content throws, and leaves clamd working', async () => {
    const broken = (async function* () {
      yield eicar;
      throw new Error('The medium is broken.');
    })();
    await expect(scan(scanner, broken)).rejects.toThrow('The medium is broken.');
    await scanner.selfTest();
  });

  test('rejects with the reason of its signal, whatever it waits for', async () => {
    await expect(scanner.scan(chunked(eicar), AbortSignal.abort(new Error('Too late.')))).rejects.toThrow(
      'Too late.',
    );
    const content = hanging(zeros);
    const controller = new AbortController();
    const scanning = scanner.scan(content, controller.signal);
    setTimeout(() => controller.abort(new Error('The time is over.')), 50);
    await expect(scanning).rejects.toThrow('The time is over.');
    expect(content.wasReleased).toBe(true);
  });
});

describeWithProgram('clamd', installClamd, (program) => {
  const withClamd = async (settings: Record<string, string>, work: (scanner: Scanner) => Promise<void>) => {
    const clamd = await startClamd(program, settings);
    try {
      await work(createScanner(clamd.tcp));
    } finally {
      await clamd.stop();
    }
  };

  test.each(['yes', 'no'])('a file over StreamMaxLength, with AlertExceedsMax %s', async (alert) => {
    await withClamd({ StreamMaxLength: '2M', AlertExceedsMax: alert }, async (scanner) => {
      for (let time = 0; time < 100; time += 1) {
        const stream = Readable.from(repeated(zeros, 100, eicar));
        const outcome = await scan(scanner, stream);
        expect({ time, ...outcome }).toEqual({ time, ...noVerdict('"INSTREAM size limit exceeded. ERROR"') });
        expect(stream.destroyed).toBe(true);
      }
      report('100 times the answer was read after clamd had closed');
      expect(await scan(scanner, repeated(zeros, 1))).toEqual(clean);
    });
  });

  test('a file over MaxFileSize or MaxScanSize has no verdict with AlertExceedsMax yes', async () => {
    const limits = [{ MaxFileSize: '2M' }, { MaxScanSize: '2M' }] as const;
    for (const limit of limits) {
      await withClamd(limit, async (scanner) => {
        await scanner.selfTest();
        expect(await scan(scanner, repeated(zeros, 5))).toEqual(noVerdict('Heuristics.Limits.Exceeded.Max'));
        expect(await scan(scanner, repeated(zeros, 5, eicar))).toEqual(
          noVerdict('Heuristics.Limits.Exceeded.Max'),
        );
      });
    }
  });

  test('without AlertExceedsMax such a file is called clean, and the self-test says so', async () => {
    const limits = [{ MaxFileSize: '2M' }, { MaxScanSize: '2M' }, {}] as const;
    for (const limit of limits) {
      await withClamd({ ...limit, AlertExceedsMax: 'no' }, async (scanner) => {
        if ('MaxFileSize' in limit) expect(await scan(scanner, repeated(zeros, 5, eicar))).toEqual(clean);
        await expect(scanner.selfTest()).rejects.toThrow(
          'clamd calls clean what exceeds its limits; for clamd, set "AlertExceedsMax yes" in clamd.conf.',
        );
      });
    }
  });

  test('the self-test fails where the database lacks EICAR', async () => {
    const clamd = await startClamd(program, {}, 'Other:0:*:deadbeefdeadbeef\n');
    await expect(createScanner(clamd.tcp).selfTest()).rejects.toThrow(
      'clamd does not find the EICAR test file: it says "clean".',
    );
    await clamd.stop();
  });

  test('a stopped clamd has no verdict once its time is over', async () => {
    const clamd = await startClamd(program);
    clamd.process.kill('SIGSTOP');
    const scanner = new ClamdScanner({ host: '127.0.0.1', port: clamd.port }, { send: 300, reply: 300 });
    expect(await scan(scanner, chunked(eicar))).toEqual(noVerdict('clamd did not answer in time'));
    expect(await scan(scanner, repeated(zeros, 100))).toEqual(noVerdict('clamd did not read in time'));
    await clamd.stop();
  });
});
