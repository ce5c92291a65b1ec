import { type Door, type DoorInput, doors, type SentFile } from '../../service/doors/doors.js';
import { contentOf, limits, mebibyte, ordinaryFile, policies, Stage } from '../../service/doors/stage.js';
import { report } from '../../support/report.js';

const maxFileSize = 3.5 * mebibyte + 1;
const ofAnySize = doors.filter(({ member }) => member === 'upload' || member === 'documentKey');
const forLongTexts = doors.filter(({ name }) => name.endsWith('long'));
const forShortTexts = doors.filter(({ name }) => /short$|form$/.test(name));

let cells = 0;

/** One byte less than the limit, and the limit itself, go in whole; one byte more does not. */
async function tryLimit(stage: Stage, door: Door, limit: number, loc: string, input: DoorInput = {}) {
  for (const excess of [-1, 0, 1]) {
    const file: SentFile = { ...ordinaryFile(door), content: contentOf(limit + excess) };
    const attempt = () => door.create(stage.owner, file, input);
    const refusal = { code: 'FILE_TOO_LARGE', faults: [`${loc}: file_too_large`], limit };
    if (excess <= 0) await stage.expectCreation(file.content, attempt);
    else await stage.expectRefusal(refusal, attempt);
    cells += 1;
  }
}

/** Bytes that come by a target are refused before they come, by what is said of them. */

/** An upload target is refused by the size that it is to have. */
const sizeAt = ({ member }: Door) => (member === 'documentKey' ? 'input.size' : 'input.content');

const record = (type: string) => ({ record: { type, id: '1' } });

afterAll(() => report(`doors and limits: ${cells} cells`));

describe('by policy and MAX_FILE_SIZE', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open(policies, { MAX_FILE_SIZE: String(maxFileSize) });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test.each([...ofAnySize, ...forLongTexts])('$name, above 3 MiB', async (door) => {
    await tryLimit(stage, door, maxFileSize, sizeAt(door));
    await tryLimit(stage, door, limits.limited, 'input.content', { policy: 'limited' });
    await tryLimit(stage, door, limits.limited, 'input.content', record('Limited'));
  });

  test.each([...ofAnySize, ...forShortTexts])('$name, of a few bytes', async (door) => {
    await tryLimit(stage, door, limits.tiny, 'input.content', { policy: 'tiny' });
    await tryLimit(stage, door, limits.tiny, 'input.content', record('Tiny'));
  });
});

// Base64 is padded in three ways.
test.each([99_999, 100_000, 100_001])('with a MAX_FILE_SIZE of %i', async (limit) => {
  await using stage = await Stage.open({}, { MAX_FILE_SIZE: String(limit) });
  for (const door of [...ofAnySize, ...forShortTexts]) await tryLimit(stage, door, limit, sizeAt(door));
});
