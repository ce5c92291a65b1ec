import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import { releaseAttachment } from '../../attachments/release-attachment.js';
import { rescanAttachment } from '../../attachments/rescan-attachment.js';
import type { GraphqlContext } from '../context.js';
import { toAttachment } from '../types/attachment.js';
import { ReleaseAttachmentInput, RescanAttachmentInput } from '../types/inputs.js';
import { ReleaseAttachmentPayload, RescanAttachmentPayload } from '../types/payloads.js';

@Resolver()
export class VerdictMutations {
  @Mutation(() => RescanAttachmentPayload)
  async rescanAttachment(
    @Arg('input', () => RescanAttachmentInput) { attachmentId }: RescanAttachmentInput,
    @Ctx() { deps, viewer, access }: GraphqlContext,
  ): Promise<RescanAttachmentPayload> {
    await access.assertVisible([attachmentId], () => ['input', 'attachmentId']);
    return { attachment: toAttachment(await rescanAttachment(deps, viewer, attachmentId)) };
  }

  @Mutation(() => ReleaseAttachmentPayload)
  async releaseAttachment(
    @Arg('input', () => ReleaseAttachmentInput) input: ReleaseAttachmentInput,
    @Ctx() { deps, viewer, access }: GraphqlContext,
  ): Promise<ReleaseAttachmentPayload> {
    await access.assertVisible([input.attachmentId], () => ['input', 'attachmentId']);
    return { attachment: toAttachment(await releaseAttachment(deps, viewer, input)) };
  }
}
