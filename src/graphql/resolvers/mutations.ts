import { Arg, Authorized, Ctx, Mutation, Resolver } from 'type-graphql';
import { claimAttachment } from '../../attachments/claim-attachment.js';
import { createAttachment } from '../../attachments/create-attachment.js';
import { deleteAttachment } from '../../attachments/delete-attachment.js';
import { linkAttachments } from '../../attachments/link-attachments.js';
import { awaitContent } from '../await-content.js';
import type { GraphqlContext } from '../context.js';
import { readLinks } from '../read-links.js';
import { toAttachment } from '../types/attachment.js';
import {
  ClaimAttachmentInput,
  CreateAttachmentInput,
  DeleteAttachmentInput,
  LinkAttachmentsInput,
} from '../types/inputs.js';
import {
  ClaimAttachmentPayload,
  CreateAttachmentPayload,
  DeleteAttachmentPayload,
  LinkAttachmentsPayload,
} from '../types/payloads.js';
import { RecordField } from '../types/record.js';

@Resolver()
export class Mutations {
  @Authorized('attachments:write')
  @Mutation(() => CreateAttachmentPayload)
  async createAttachment(
    @Arg('input', () => CreateAttachmentInput) input: CreateAttachmentInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<CreateAttachmentPayload> {
    const stored = await createAttachment(deps, viewer, {
      intake: await awaitContent(input.content),
      fileName: input.fileName ?? null,
      description: input.description ?? null,
      metadata: input.metadata ? { attributes: null, ...input.metadata } : null,
      record: input.record ?? null,
      field: input.field ?? null,
    });
    return { attachment: toAttachment(stored) };
  }

  @Authorized('attachments:write')
  @Mutation(() => ClaimAttachmentPayload)
  async claimAttachment(
    @Arg('input', () => ClaimAttachmentInput) input: ClaimAttachmentInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<ClaimAttachmentPayload> {
    const { alreadyClaimed, ...stored } = await claimAttachment(deps, viewer, input);
    return { attachment: toAttachment(stored), alreadyClaimed };
  }

  @Authorized('attachments:write')
  @Mutation(() => LinkAttachmentsPayload)
  async linkAttachments(
    @Arg('input', () => LinkAttachmentsInput) input: LinkAttachmentsInput,
    @Ctx() context: GraphqlContext,
  ): Promise<LinkAttachmentsPayload> {
    const { deps, viewer } = context;
    const expectedVersion = input.expectedVersion ?? null;
    const { field: row, unlinked } = await linkAttachments(deps, viewer, { ...input, expectedVersion });
    const field = Object.assign(new RecordField(), { record: input.record, name: input.field, row });
    const links = await readLinks(field, context);
    return { field, links, unlinked: unlinked.map(toAttachment) };
  }

  @Authorized('attachments:write')
  @Mutation(() => DeleteAttachmentPayload)
  async deleteAttachment(
    @Arg('input', () => DeleteAttachmentInput) { attachmentId }: DeleteAttachmentInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<DeleteAttachmentPayload> {
    await deleteAttachment(deps, viewer, attachmentId);
    return { deletedAttachmentId: attachmentId };
  }
}
