import type { AttachmentData } from '../../support/client.js';
import { sha256 } from '../../support/sha256.js';
import { contentOf, type Refusal, Stage } from './stage.js';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open({});
});
afterAll(() => stage[Symbol.asyncDispose]());

/** The text is a variable of its own, so that only its use in the document tells what it is. */
const create = (member: string, text: string) =>
  stage.owner.graphql<{ createAttachment: { attachment: AttachmentData } }>(
    `mutation ($text: String!) {
      createAttachment(input: { content: { ${member}: $text }, fileName: "a.bin" }) {
        attachment { size documentKey sha256: digest { hash } } } }`,
    { text },
  );

describe.each([
  ['short', contentOf(1_001)],
  ['long', contentOf(300_002)],
])('a variable of its own, %s', (_, content) => {
  const base64 = content.toString('base64');
  const dataUrl = `data:application/octet-stream;base64,${base64}`;

  test.each([
    ['base64', base64],
    ['dataUrl', dataUrl],
  ])('is taken as %s', async (member, text) => {
    await stage.expectCreation(content, () => create(member, text));
  });

  test.each<[string, string, Refusal]>([
    ['base64', dataUrl, { code: 'INVALID_BASE64', faults: ['input.content.base64: data_url_given'] }],
    ['dataUrl', base64, { code: 'BAD_USER_INPUT', faults: ['input.content.dataUrl: data_url_invalid'] }],
    [
      'documentKey',
      base64,
      content.length < 10_000
        ? { code: 'BAD_USER_INPUT', faults: ['input.content.documentKey: too_long'], limit: 1024 }
        : { code: 'REQUEST_TOO_LARGE', faults: ['input.content.documentKey: too_long'], limit: 256 * 1024 },
    ],
  ])('is refused as %s where it is something else', async (member, text, refusal) => {
    await stage.expectRefusal(refusal, () => create(member, text));
  });

  test('can be used twice', async () => {
    const answer = await stage.owner.ask<Record<string, { attachment: AttachmentData }>>(
      `mutation ($text: String!) {
        a: createAttachment(input: { content: { base64: $text }, fileName: "a.bin" }) { attachment { sha256: digest { hash } } }
        b: createAttachment(input: { content: { base64: $text }, fileName: "b.bin" }) { attachment { sha256: digest { hash } } } }`,
      { text: base64 },
    );
    const hashes = Object.values(answer).map(({ attachment }) => attachment.sha256.hash);
    expect(hashes).toEqual([sha256(content), sha256(content)]);
    expect(await stage.ledger.unnamedFiles()).toEqual([]);
  });
});
