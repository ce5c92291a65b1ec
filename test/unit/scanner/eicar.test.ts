import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { createScanner } from '../../../src/scanner/create-scanner.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';
import { chunked, clean, eicar, hanging, scan } from './content.js';

const found = { outcome: 'infected', signature: 'Eicar-Test-Signature' };

describe('the scanner eicar', () => {
  const scanner = createScanner('eicar');

  test('tests itself', async () => {
    expect(scanner).toMatchObject({ name: 'eicar', isActive: true });
    await scanner.selfTest();
  });

  test('finds the string in the midst of a file, cut at every place', async () => {
    const file = Buffer.concat([Buffer.alloc(100, 'X'), eicar, Buffer.alloc(100, 'X')]);
    for (let cut = 0; cut <= file.length; cut += 1) {
      expect(await scan(scanner, chunked(file.subarray(0, cut), file.subarray(cut)))).toEqual(found);
    }
    expect(await scan(scanner, chunked(...[...file].map((byte) => Uint8Array.of(byte))))).toEqual(found);
  });

  test('says what a search of the whole says, however the content is cut', async () => {
    const random = seededRandom();
    let infected = 0;
    for (let time = 0; time < 2_000; time += 1) {
      const parts = Array.from({ length: random.integer(1, 4) }, () =>
        eicar.subarray(
          random.next() < 0.6 ? 0 : random.integer(0, 67),
          random.next() < 0.6 ? 68 : random.integer(0, 68),
        ),
      );
      const file = Buffer.concat(parts);
      const chunks: Buffer[] = [];
      for (let start = 0; start < file.length; ) {
        const length = random.integer(0, 80);
        chunks.push(file.subarray(start, start + length));
        start += length;
      }
      const expected = file.includes(eicar) ? found : clean;
      if (expected === found) infected += 1;
      expect({ seed: random.seed, time, ...(await scan(scanner, chunked(...chunks))) }).toEqual({
        seed: random.seed,
        time,
        ...expected,
      });
    }
    report(`2000 cut contents, ${infected} infected, from SEED=${random.seed}`);
    expect(infected).toBeGreaterThan(200);
    expect(infected).toBeLessThan(1_900);
  });

  test('calls clean what is empty or lacks one byte', async () => {
    expect(await scan(scanner, chunked())).toEqual(clean);
    expect(await scan(scanner, chunked(eicar.subarray(0, 67)))).toEqual(clean);
    expect(await scan(scanner, chunked(eicar.subarray(1)))).toEqual(clean);
  });

  test('does not read on once it has found something', async () => {
    const stream = Readable.from(chunked(eicar, Buffer.from('more'), Buffer.from('and more')));
    expect(await scan(scanner, stream)).toEqual(found);
    await turn();
    expect(stream.destroyed).toBe(true);
    const content = hanging(eicar);
    expect(await scan(scanner, content)).toEqual(found);
    expect(content.wasReleased).toBe(true);
  });

  test('passes on what the content throws, and the reason of a signal', async () => {
    const broken = (async function* () {
      yield eicar.subarray(1);
      throw new Error('The medium is broken.');
    })();
    await expect(scan(scanner, broken)).rejects.toThrow('The medium is broken.');
    const content = hanging(eicar.subarray(1));
    const controller = new AbortController();
    const scanning = scanner.scan(content, controller.signal);
    await turn();
    controller.abort(new Error('The time is over.'));
    await expect(scanning).rejects.toThrow('The time is over.');
    expect(content.wasReleased).toBe(true);
  });
});

describe('the scanner none', () => {
  test('is not active, reads nothing and calls everything clean', async () => {
    const scanner = createScanner('none');
    expect(scanner).toMatchObject({ name: 'none', isActive: false });
    await scanner.selfTest();
    const stream = Readable.from(chunked(eicar, eicar, eicar));
    expect(await scan(scanner, stream)).toEqual(clean);
    await turn();
    expect(stream.destroyed).toBe(true);
  });
});

test('there is no other scanner', () => {
  expect(() => createScanner('')).toThrow();
  expect(() => createScanner('http://127.0.0.1:3310')).toThrow();
});
