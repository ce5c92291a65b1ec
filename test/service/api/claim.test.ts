import { v7 as uuidv7 } from 'uuid';
import type { Answer, AttachmentData, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';

interface Claimed {
  claimAttachment: { alreadyClaimed: boolean; attachment: AttachmentData };
}

const mutation = `mutation ($input: ClaimAttachmentInput!) {
  claimAttachment(input: $input) { alreadyClaimed attachment { id record { type id: recordId } claimedAt expiresAt } } }`;

describe('claimAttachment', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  const claim = (client: Client, attachmentId: string, id: string): Promise<Answer<Claimed>> =>
    client.graphql<Claimed>(mutation, { input: { attachmentId, record: { type: 'WorkPackage', id } } });

  test('makes a record the owner, once', async () => {
    const { id } = await service.client.upload({ content: 'x' });
    const first = await claim(service.client, id, '1');
    expect(first.data?.claimAttachment).toMatchObject({
      alreadyClaimed: false,
      attachment: { id, record: { type: 'WorkPackage', id: '1' }, expiresAt: null },
    });
    const again = await claim(service.client, id, '1');
    expect(again.data?.claimAttachment.alreadyClaimed).toBe(true);
    expect(again.data?.claimAttachment.attachment.claimedAt).toBe(
      first.data?.claimAttachment.attachment.claimedAt,
    );
    const other = await claim(service.client, id, '2');
    expect(other.errors?.[0]?.extensions).toMatchObject({
      code: 'ALREADY_CLAIMED',
      details: [{ loc: ['input', 'attachmentId'], type: 'already_claimed' }],
    });
  });

  test('lets exactly one of 50 claims at once by different records win', async () => {
    const { id } = await service.client.upload({ content: 'x' });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => claim(service.client, id, `r${index}`)),
    );
    const won = answers.flatMap(({ data }) => data?.claimAttachment ?? []);
    const codes = answers.flatMap(({ errors }) => errors?.[0]?.extensions.code ?? []);
    report(`50 claims: ${won.length} won, ${codes.length} refused`);
    expect(won).toHaveLength(1);
    expect(codes).toEqual(Array.from({ length: 49 }, () => 'ALREADY_CLAIMED'));
    const { attachment } = await service.client.ask<{ attachment: AttachmentData }>(
      'query ($id: ID!) { attachment(id: $id) { record { id: recordId } } }',
      { id },
    );
    expect(attachment.record?.id).toBe(won[0]?.attachment.record?.id);
  });

  test("another's unclaimed attachment is exactly like one that never was", async () => {
    const { id } = await service.client.upload({ content: 'x' });
    const stranger = await newClient(service);
    const [hidden, absent] = await Promise.all([claim(stranger, id, '1'), claim(stranger, uuidv7(), '1')]);
    expect(hidden.errors?.[0]?.extensions.code).toBe('NOT_FOUND');
    expect({ status: hidden.status, errors: hidden.errors }).toEqual({
      status: absent.status,
      errors: absent.errors,
    });
    const { data } = await stranger.graphql(
      'query ($id: ID!) { attachment(id: $id) { id } node(id: $id) { id } }',
      { id },
    );
    expect(data).toEqual({ attachment: null, node: null });
    const owner = await claim(service.client, id, '1');
    expect(owner.data?.claimAttachment.alreadyClaimed).toBe(false);
  });

  test('once claimed it is visible to the organization, and still nobody else may claim it', async () => {
    const { id } = await service.client.upload({ content: 'x' });
    await claim(service.client, id, '1');
    const colleague = await newClient(service);
    expect(
      (
        await colleague.ask<{ attachment: { id: string } }>(
          'query ($id: ID!) { attachment(id: $id) { id } }',
          { id },
        )
      ).attachment.id,
    ).toBe(id);
    expect((await claim(colleague, id, '2')).errors?.[0]?.extensions.code).toBe('ALREADY_CLAIMED');
    const foreigner = await newClient(service, { organizationId: uuidv7() });
    expect((await claim(foreigner, id, '1')).errors?.[0]?.extensions.code).toBe('NOT_FOUND');
  });

  test('needs the permission to write, and a sensible record', async () => {
    const { id } = await service.client.upload({ content: 'x' });
    const reader = await newClient(service, { permissions: ['attachments:read'] });
    const refused = await claim(reader, id, '1');
    expect(refused.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    expect(refused.errors?.[0]?.message).toContain('attachments:write');
    const answer = await service.client.graphql(mutation, {
      input: { attachmentId: id, record: { type: ' ', id: 'x'.repeat(256) } },
    });
    expect(answer.errors?.[0]?.extensions.details.map(({ loc, type }) => [loc.join('.'), type])).toEqual([
      ['input.record.type', 'empty'],
      ['input.record.id', 'too_long'],
    ]);
  });
});
