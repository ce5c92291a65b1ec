import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, Info, Mutation, Resolver } from 'type-graphql';
import { copyRecordAttachments } from '../../attachments/copy-record-attachments.js';
import { transferAttachment } from '../../links/transfer-attachment.js';
import type { GraphqlContext } from '../context.js';
import { decideLinks } from '../read-links.js';
import { toAttachment } from '../types/attachment.js';
import { CopyRecordAttachmentsInput, TransferAttachmentInput } from '../types/inputs.js';
import { CopyRecordAttachmentsPayload, TransferAttachmentPayload } from '../types/payloads.js';
import { toHostRecord } from '../types/record.js';

/** Changes that concern two records. */
@Resolver()
export class RecordMutations {
  @Mutation(() => TransferAttachmentPayload, {
    description:
      'Gives a claimed attachment to another record. Of several at once exactly one wins; others get ALREADY_CLAIMED.',
  })
  async transferAttachment(
    @Arg('input', () => TransferAttachmentInput) { field = null, ...input }: TransferAttachmentInput,
    @Ctx() context: GraphqlContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<TransferAttachmentPayload> {
    const { deps, viewer, access } = context;
    await access.assertVisible([input.attachmentId], () => ['input', 'attachmentId']);
    await access.assertMayTake(input.attachmentId, input.from, ['input', 'from']);
    await access.assertMayEdit(input.to, field, ['input', 'to']);
    await access.mayView(input.to, field);
    await decideLinks(input.attachmentId, context, info);
    return { attachment: toAttachment(await transferAttachment(deps, viewer, { ...input, field })) };
  }

  @Mutation(() => CopyRecordAttachmentsPayload, {
    description: 'Copies the attachments of all fields of a record, over the same stored bytes.',
  })
  async copyRecordAttachments(
    @Arg('input', () => CopyRecordAttachmentsInput)
    { idempotencyKey = null, ...input }: CopyRecordAttachmentsInput,
    @Ctx() context: GraphqlContext,
  ): Promise<CopyRecordAttachmentsPayload> {
    await copyRecordAttachments(context.deps, context, { ...input, idempotencyKey });
    return { record: toHostRecord(input.to) };
  }
}
