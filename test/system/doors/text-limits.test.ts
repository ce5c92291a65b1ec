import { type Refusal, Stage } from '../../service/doors/stage.js';
import type { AttachmentData } from '../../support/client.js';

const limit = 2_097_152;
let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open({});
});
afterAll(() => stage[Symbol.asyncDispose]());

const create = (member: string, text: string, policy: string) =>
  stage.owner.graphql<{ createAttachment: { attachment: AttachmentData } }>(
    `mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }`,
    { input: { content: { [member]: text }, fileName: 'a.txt', policy } },
  );

const prefix = { base64: '', dataUrl: 'data:text/plain;base64,' };
const charactersFor = (byteCount: number) => Math.ceil((byteCount * 4) / 3);

const tooLarge: Refusal = { code: 'FILE_TOO_LARGE', faults: ['input.content: file_too_large'], limit };

describe.each(Object.entries(prefix))('the policy’s limit on %s', (member, start) => {
  const invalid = (byteCount: number) => `${start}${'!'.repeat(charactersFor(byteCount))}`;

  test.each([limit + 3, 2 * limit, 7 * limit])('refuses %d bytes by their length alone', async (size) => {
    await stage.expectRefusal(tooLarge, () => create(member, invalid(size), 'calendar'));
  });

  test('leaves what may fit to be judged by its characters', async () => {
    const faults = [`input.content.${member}.0: base64_invalid`];
    await stage.expectRefusal({ code: 'INVALID_BASE64', faults }, () =>
      create(member, invalid(limit), 'calendar'),
    );
    await stage.expectRefusal({ code: 'INVALID_BASE64', faults }, () =>
      create(member, invalid(2 * limit), 'default'),
    );
  });
});
