import { isSameFormat } from '../../../src/content-types/content-formats.js';
import type { AcceptedTypes } from '../../../src/content-types/media-types.js';
import {
  builtInPolicies,
  checkDeclared,
  checkType,
  type Policy,
} from '../../../src/policies/check-policy.js';
import { report } from '../../support/report.js';
import { agreeOn, type Said } from './agree.js';
import { mediaSamples, textSamples } from './media-samples.js';
import { archiveSamples, officeSamples } from './office-samples.js';
import * as real from './real-files.js';
import type { Sample } from './sample.js';

const samples = [...officeSamples, ...archiveSamples, ...mediaSamples, ...textSamples];

const vague = 'application/octet-stream';
/** Types that clients put on a part whatever is in it. */
const madeUp = [
  'multipart/form-data',
  'image/*',
  '*/*',
  'application/x-unknown',
  'video/vnd.dlna.mpeg-tts',
  'text/plain',
  'image/png',
];

const built = builtInPolicies(2 ** 30);
const policyNamed = (name: string): Policy => {
  const policy = built.get(name);
  if (!policy) throw new Error(`There is no policy ${name}.`);
  return policy;
};
const [calendar, anything] = [policyNamed('calendar'), policyNamed('default')];

/** The stored type, or the type of the first fault. */
async function upload(policy: Policy, said: Said): Promise<{ stored: string } | { refused: string }> {
  const { acceptedTypes, extensions } = policy;
  const agreed = await agreeOn({ ...said, acceptedTypes, extensions });
  if ('fault' in agreed) return { refused: agreed.fault.type };
  const { contentType } = agreed;
  const file = { contentType, fileName: said.fileName };
  const claim = said.claim === undefined || said.claim === vague ? null : said.claim;
  const [fault] = [...checkType(policy, file), ...checkDeclared(policy, claim, file)];
  return fault ? { refused: fault.type } : { stored: contentType };
}

const wordsOf = (words: string) => words.split(' ').filter((word) => word !== '');
const namesOf = ({ extensions }: Sample) => wordsOf(extensions).map((extension) => `Anlage 1${extension}`);
function count(counts: Map<string, number>, outcome: { stored: string } | { refused: string }): void {
  const reason = 'stored' in outcome ? 'accepted' : outcome.refused;
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}

const told = (counts: Map<string, number>) =>
  [...counts].map(([reason, times]) => `${times} ${reason}`).join(', ');

test('no genuine file is refused, whatever type its part came with, and its type is told', async () => {
  const counts = new Map<string, number>();
  const wrong: string[] = [];
  for (const sample of samples) {
    for (const fileName of namesOf(sample)) {
      for (const hint of [null, vague, sample.type, ...wordsOf(sample.given), ...madeUp]) {
        const outcome = await upload(anything, { bytes: sample.bytes, fileName, hint });
        count(counts, outcome);
        const isTold = 'stored' in outcome && isSameFormat(sample.type, outcome.stored);
        if (!isTold) wrong.push(`${fileName} as ${hint}: ${JSON.stringify(outcome)}`);
      }
    }
  }
  report(`${samples.length} formats under default, with the type of a part: ${told(counts)}`);
  expect(wrong).toEqual([]);
});

test('each name of its format may be claimed, under a policy that lists the format too', async () => {
  const counts = new Map<string, number>();
  const wrong: string[] = [];
  for (const sample of samples) {
    for (const fileName of namesOf(sample)) {
      const extension = fileName.slice(fileName.lastIndexOf('.'));
      const acceptedTypes: AcceptedTypes = new Map([[sample.type, new Set([extension])]]);
      for (const claim of [null, vague, sample.type, ...wordsOf(sample.given)]) {
        const said = { bytes: sample.bytes, fileName, claim };
        const [free, bound] = [
          await upload(anything, said),
          await agreeOn({ ...said, acceptedTypes, extensions: 'match' }),
        ];
        count(counts, free);
        if ('refused' in free) wrong.push(`${fileName} as ${claim}: ${free.refused}`);
        if ('fault' in bound || bound.contentType !== sample.type)
          wrong.push(`${fileName} as ${claim}, listed: ${JSON.stringify(bound)}`);
      }
    }
  }
  report(`${samples.length} formats under default, with a claimed type: ${told(counts)}`);
  expect(wrong).toEqual([]);
});

test('bytes of another format are refused where a policy lists types, and where they are claimed', async () => {
  const counts = new Map<string, number>();
  const wrong: string[] = [];
  const isText = async ({
    bytes,
    extensions: [name = ''],
  }: Pick<Sample, 'bytes'> & { extensions: readonly string[] }) => {
    const agreed = await agreeOn({ bytes, fileName: `a${name}`, extensions: 'any' });
    return (
      'contentType' in agreed && /^(?:text|message)\/|json|xml|step|dxf|postscript/.test(agreed.contentType)
    );
  };
  const texts = new Set<Sample>();
  for (const sample of samples) {
    if (await isText({ bytes: sample.bytes, extensions: wordsOf(sample.extensions) })) texts.add(sample);
  }
  for (const sample of samples) {
    for (const [type, extensions] of calendar.acceptedTypes ?? []) {
      const [extension = ''] = extensions;
      const isSame = sample.type === type || wordsOf(sample.given).includes(type);
      const isZip = type === 'application/zip' && sample.bytes.toString('latin1', 0, 2) === 'PK';
      if (isSame || isZip || (type.startsWith('text/') && texts.has(sample))) continue;
      const outcome = await upload(calendar, { bytes: sample.bytes, fileName: `a${extension}`, claim: type });
      count(counts, outcome);
      if ('stored' in outcome) wrong.push(`${sample.extensions} as ${type}`);
    }
  }
  report(`bytes of other formats under calendar: ${told(counts)}`);
  expect(wrong).toEqual([]);
});

test('the table of calendar is exact: 51 right pairs of type and extension, 849 wrong ones', async () => {
  const contents: Record<string, Buffer> = Object.fromEntries(
    samples.map(({ type, bytes }) => [type, bytes]),
  );
  const table = [...(calendar.acceptedTypes ?? [])];
  const extensions = new Set(table.flatMap(([, listed]) => [...listed]));
  const counts = { right: 0, wrong: 0, accepted: new Set<string>(), refused: new Set<string>() };
  for (const [type, listed] of table) {
    for (const extension of extensions) {
      const bytes = type.startsWith('text/') ? real.csv : (contents[type] ?? real.text);
      const outcome = await upload(calendar, { bytes, fileName: `a${extension}`, claim: type });
      counts[listed.has(extension) ? 'right' : 'wrong'] += 1;
      counts['stored' in outcome ? 'accepted' : 'refused'].add(`${type} ${extension}`);
    }
  }
  expect([counts.right, counts.wrong]).toEqual([51, 849]);
  expect([counts.accepted.size, counts.refused.size]).toEqual([51, 849]);
  for (const [type, listed] of table)
    for (const extension of listed) expect(counts.accepted).toContain(`${type} ${extension}`);
});
