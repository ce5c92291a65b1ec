import { fileTypeFromBuffer } from 'file-type';
import { SignatureParser } from '../../../src/content-types/signature-parser.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';
import { furtherSamples } from './further-samples.js';
import { mediaSamples, textSamples } from './media-samples.js';
import { archiveSamples, officeSamples } from './office-samples.js';

const samples = [...furtherSamples, ...mediaSamples, ...textSamples, ...archiveSamples, ...officeSamples];

const changed = 4;

/** The answer of a parser, or the name of its error. */
const said = (found: Promise<{ mime: string } | undefined>): Promise<string> =>
  found.then(
    (type) => type?.mime ?? 'nothing',
    (error: Error) => error.name,
  );

test('says of every file, also of one with a few other bytes, what file-type says', async () => {
  const random = seededRandom();
  const seen = new Map<string, number>();
  for (const { bytes } of samples) {
    for (let time = 0; time <= changed; time += 1) {
      const head = Buffer.from(bytes.subarray(0, 4096));
      for (let change = 0; change < time && head.length > 0; change += 1)
        head[random.integer(0, Math.min(63, head.length - 1))] = random.integer(0, 255);
      const expected = await said(fileTypeFromBuffer(head));
      expect([head.toString('latin1', 0, 64), await said(new SignatureParser().fromBuffer(head))]).toEqual([
        head.toString('latin1', 0, 64),
        expected,
      ]);
      seen.set(expected, (seen.get(expected) ?? 0) + 1);
    }
  }
  report(
    `seed ${random.seed}: ${samples.length * (changed + 1)} heads, ${seen.size} answers, ${seen.get('nothing')} of none`,
  );
  expect(seen.size).toBeGreaterThan(80);
});

test('takes apart none of the signatures that are texts for a file that begins with another letter', async () => {
  const taken: unknown[] = [];
  class Counting extends SignatureParser {
    override check(...parameters: Parameters<SignatureParser['check']>): boolean {
      taken.push(parameters);
      return super.check(...parameters);
    }
  }
  const { checkString } = Object.getPrototypeOf(SignatureParser.prototype);
  const line = Buffer.from('yes, this is a line of text\n'.repeat(20));
  await new Counting().fromBuffer(line);
  const few = taken.length;
  Object.assign(Counting.prototype, { checkString });
  await new Counting().fromBuffer(line);
  expect(taken.length - few).toBeGreaterThan(few + 50);
});
