import { parseClamdReply } from '../../../src/scanner/clamd-reply.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';
import { noVerdict } from './content.js';

const parse = (reply: string) => parseClamdReply(Buffer.from(reply));

test('only an exact "stream: OK" is clean', () => {
  expect(parse('stream: OK\0')).toEqual({ outcome: 'clean' });
});

test.each([
  'Eicar-Body.UNOFFICIAL',
  'Win.Test.EICAR_HDB-1',
  'Eicar-Signature(44d88612fea8a8f36de82e1278abb02f:68)',
  'Vendor: odd name: 7',
  'OK',
  'FOUND',
  'Ünïcode',
  'Heuristics.Encrypted.Zip',
  'Heuristics.Limits.ExceededNot',
])('"stream: %s FOUND" is infected', (signature) => {
  expect(parse(`stream: ${signature} FOUND\0`)).toEqual({ outcome: 'infected', signature });
});

test.each([
  ['', 'without an answer'],
  ['stream: OK', 'within its answer'],
  ['stream: O', 'within its answer'],
  ['stream: Eicar FOUND', 'within its answer'],
  ['\0', 'answered ""'],
  ['stream: OK\0stream: OK\0', 'more than once'],
  ['stream: OK\0\0', 'more than once'],
  ['stream: OK\0stream: Eicar FOUND\0', 'more than once'],
  ['stream: OK\n\0', 'answered "stream: OK?"'],
  ['stream: OK\nstream: Eicar FOUND\0', 'answered'],
  ['stream: Eicar FOUND\nstream: OK\0', 'answered'],
  ['stream: OK \0', 'answered'],
  [' stream: OK\0', 'answered'],
  ['\uFEFFstream: OK\0', 'answered'],
  ['stream:OK\0', 'answered'],
  ['stream: ok\0', 'answered'],
  ['STREAM: OK\0', 'answered'],
  ['1: stream: OK\0', 'answered'],
  ['/tmp/file: OK\0', 'answered'],
  ['/tmp/file: Eicar FOUND\0', 'answered'],
  ['OK\0', 'answered'],
  ['stream: FOUND\0', 'answered'],
  ['stream:  FOUND\0', 'answered'],
  ['stream: Eicar FOUND \0', 'answered'],
  ['stream: Eicar found\0', 'answered'],
  [`stream: ${'x'.repeat(501)} FOUND\0`, 'answered'],
  ['stream: Eicar\u202e FOUND\0', 'answered'],
  ['INSTREAM size limit exceeded. ERROR\0', 'answered "INSTREAM size limit exceeded. ERROR"'],
  ["stream: Can't allocate memory ERROR\0", 'answered'],
  ['UNKNOWN COMMAND\0', 'answered'],
  ['COMMAND READ TIMED OUT\0', 'answered'],
  ['stream: Heuristics.Limits.Exceeded FOUND\0', 'could not look through all of it'],
  ['stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0', 'Heuristics.Limits.Exceeded.MaxFileSize'],
])('%j is no verdict', (reply, reason) => {
  expect(parse(reply)).toEqual(noVerdict(reason));
});

test('bytes that are no text are no verdict, and the reason is fit for a log', () => {
  const outcome = parseClamdReply(Buffer.concat([Buffer.from('stream: \xff\x1b[2J'), Buffer.from([255, 0])]));
  expect(outcome).toEqual(noVerdict('answered "stream: ???[2J?"'));
});

test('no random reply is clean unless it is the exact one, or infected unless it says so', () => {
  const random = seededRandom();
  const counts = { clean: 0, infected: 0, 'no verdict': 0 };
  const words = [
    'stream: ',
    'OK',
    'FOUND',
    ' ',
    '\0',
    '\n',
    'Eicar',
    ':',
    'ERROR',
    'stream: OK\0',
    'stream: Eicar FOUND\0',
    ' FOUND\0',
    '\xff',
  ];
  for (let time = 0; time < 100_000; time += 1) {
    const parts = Array.from(
      { length: random.integer(1, 6) },
      () => words[random.integer(0, words.length - 1)],
    );
    const reply = mutate(Buffer.from(parts.join(''), 'latin1'), random);
    const { outcome } = parseClamdReply(reply);
    counts[outcome] += 1;
    const text = reply.toString('latin1');
    const mayBe = {
      clean: /^stream: OK\0$/,
      infected: /^stream: .+ FOUND\0$/,
      'no verdict': /^(?!stream: OK\0$)/,
    };
    if (!mayBe[outcome].test(text))
      throw new Error(`SEED=${random.seed}: ${JSON.stringify(text)} is ${outcome}`);
  }
  report(`100000 replies ${JSON.stringify(counts)} from SEED=${random.seed}`);
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(100);
});

/** In one of three replies, a byte changed, left out or put in. */
function mutate(reply: Buffer, random: ReturnType<typeof seededRandom>): Buffer {
  if (random.next() < 2 / 3) return reply;
  const place = random.integer(0, reply.length);
  const added = Buffer.from([random.integer(0, 255)]).subarray(0, random.integer(0, 1));
  return Buffer.concat([reply.subarray(0, place), added, reply.subarray(place + random.integer(0, 1))]);
}
