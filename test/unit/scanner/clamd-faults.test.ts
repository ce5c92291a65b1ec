import { ClamdScanner } from '../../../src/scanner/create-scanner.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';
import { clean, eicar, mebibyte, noVerdict, repeated, scan } from './content.js';
import { type Misbehaviour, startFakeClamd } from './fake-clamd.js';

const ones = Buffer.alloc(mebibyte, 1);
const short = { connect: 2_000, send: 400, reply: 400, close: 200 };
const infected = (signature: string) => ({ outcome: 'infected', signature });

/** The outcome with a clamd that behaves so, of content that takes `pieces` MiB and a little more. */
async function meet(misbehaviour: Misbehaviour, pieces = 0) {
  const fake = await startFakeClamd(misbehaviour);
  const outcome = await scan(new ClamdScanner(fake, short), repeated(ones, pieces, eicar));
  fake.stop();
  return outcome;
}

describe('an answer to the whole content', () => {
  test.each<[string, Misbehaviour, unknown]>([
    ['clean', { reply: 'stream: OK\0', ending: 'end' }, clean],
    ['clean, left open', { reply: 'stream: OK\0', ending: 'stay' }, clean],
    ['infected', { reply: 'stream: a:b: c FOUND\0', ending: 'end' }, infected('a:b: c')],
    [
      'over a limit',
      { reply: 'stream: Heuristics.Limits.Exceeded FOUND\0', ending: 'end' },
      noVerdict('look through'),
    ],
    ['an error', { reply: 'stream: x ERROR\0', ending: 'end' }, noVerdict('x ERROR')],
    ['empty', { ending: 'end' }, noVerdict('without an answer')],
    ['cut', { reply: 'stream: OK', ending: 'end' }, noVerdict('within its answer')],
    ['cut, then silence', { reply: 'stream: OK', ending: 'stay' }, noVerdict('did not answer in time')],
    ['half, then reset', { reply: 'stream', ending: 'reset' }, noVerdict('')],
    ['nothing at all', { ending: 'stay' }, noVerdict('did not answer in time')],
    ['garbled', { reply: '\xff\xfe\x01\0', ending: 'end' }, noVerdict('answered')],
    ['two', { reply: 'stream: OK\0stream: a FOUND\0', ending: 'end' }, noVerdict('more than once')],
    ['endless', { reply: 'stream: OK'.repeat(100_000), ending: 'stay' }, noVerdict('too great length')],
  ])(
    '%s',
    async (_name, misbehaviour, expected) => {
      expect(await meet(misbehaviour)).toEqual(expected);
    },
    5_000,
  );
});

describe('an answer before the content was whole', () => {
  test.each<[string, Misbehaviour, unknown]>([
    [
      '"clean" is not believed',
      { after: 99_999, reply: 'stream: OK\0', ending: 'stay' },
      noVerdict('before it had all'),
    ],
    ['"clean" and the end', { after: 99_999, reply: 'stream: OK\0', ending: 'end' }, noVerdict('')],
    [
      'over a limit',
      { after: 99_999, reply: 'INSTREAM size limit exceeded. ERROR\0', ending: 'end' },
      noVerdict('size'),
    ],
    ['infected', { after: 99_999, reply: 'stream: a FOUND\0', ending: 'end' }, infected('a')],
    ['a reset', { after: 1, ending: 'reset' }, noVerdict('')],
    ['no more reading', { after: 99_999, ending: 'stay' }, noVerdict('did not read in time')],
  ])(
    '%s',
    async (_name, misbehaviour, expected) => {
      expect(await meet(misbehaviour, 64)).toEqual(expected);
    },
    5_000,
  );

  test('is read wherever it comes', async () => {
    const random = seededRandom();
    let read = 0;
    for (let time = 0; time < 100; time += 1) {
      const after = random.integer(1, 3_000_000);
      const outcome = await meet({ after, reply: 'stream: a FOUND\0', ending: 'end' }, 16);
      if (outcome.outcome === 'infected') read += 1;
    }
    report(`${read} of 100 early answers were read, from SEED=${random.seed}`);
    expect(read).toBe(100);
  }, 20_000);

  test('a reset, wherever it comes, is no verdict', async () => {
    const random = seededRandom();
    for (let time = 0; time < 50; time += 1) {
      const outcome = await meet({ after: random.integer(1, 500_000), ending: 'reset' }, 4);
      expect({ seed: random.seed, ...outcome }).toMatchObject({ outcome: 'no verdict' });
    }
    report(`50 resets from SEED=${random.seed}`);
  }, 20_000);
});
