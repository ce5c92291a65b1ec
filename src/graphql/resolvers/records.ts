import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Ctx, FieldResolver, ID, Info, Int, Mutation, Resolver, Root } from 'type-graphql';
import { copyRecordAttachments } from '../../attachments/copy-record-attachments.js';
import { makerOf } from '../../auth/attachment-urls.js';
import { assertPermitted } from '../../auth/viewer.js';
import { toPageRequest } from '../../database/page.js';
import { transferAttachment } from '../../links/claim-attachment.js';
import { findPolicy } from '../../policies/choose-policy.js';
import { connectRecord, decideLinks, readField, readLinks } from '../connect-attachments.js';
import type { GraphqlContext } from '../context.js';
import { toNodeId } from '../find-nodes.js';
import { Attachment, AttachmentConnection, toAttachment } from '../types/attachment.js';
import { type ConnectionOf, Url } from '../types/connection.js';
import { AttachmentStatus } from '../types/enums.js';
import { CopyRecordAttachmentsInput, PageArgs, TransferAttachmentInput } from '../types/inputs.js';
import { CopyRecordAttachmentsPayload, TransferAttachmentPayload } from '../types/payloads.js';
import { AttachmentLink, HostRecord, RecordField, toHostRecord, toRecordField } from '../types/record.js';
import { toUploadPolicy, UploadPolicy } from '../types/upload.js';

const opaque = 'Opaque and unique among all nodes.';

@Resolver(() => HostRecord)
export class RecordFields {
  @FieldResolver(() => ID, { description: opaque })
  id(@Root() { ref: { type, id } }: HostRecord, @Ctx() { viewer }: GraphqlContext): string {
    return toNodeId(viewer.organizationId, { type: 'HostRecord', key: [type, id] });
  }

  @FieldResolver(() => RecordField, { description: "One field's ordered attachments." })
  field(
    @Root() { ref }: HostRecord,
    @Arg('name', () => String, { description: "The field's name.", defaultValue: 'attachments' })
    name: string,
  ): RecordField {
    return toRecordField(ref, name);
  }

  @FieldResolver(() => [RecordField], {
    description: 'The fields that were ever linked to and that the viewer may see, by name.',
  })
  async fields(
    @Root() { ref }: HostRecord,
    @Ctx() { loaders, access }: GraphqlContext,
  ): Promise<RecordField[]> {
    const rows = await loaders.fieldsOfRecord.load(ref);
    const views = await Promise.all(rows.map(({ name }) => access.mayView(ref, name)));
    const visible = rows.filter((_, index) => views[index]);
    return visible.map((row) => toRecordField(ref, row.name, { row }));
  }

  @FieldResolver(() => Url, {
    description:
      'A signed link to a ZIP of its approved attachments, of one field or of all; streamed. expiresIn in seconds, 1 to 604800.',
  })
  archiveUrl(
    @Root() { ref: record }: HostRecord,
    @Arg('expiresIn', () => Int, {
      description: 'Seconds that the URL lives at least, 1 to 604800 (7 days).',
      defaultValue: 300,
    })
    expiresIn: number,
    @Arg('field', () => String, {
      description: 'The name of one field; null: all that the record has claimed or links to.',
      nullable: true,
    })
    field: string | null | undefined,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): string {
    const { organizationId } = assertPermitted(viewer, ['attachments:read']);
    const place = { organizationId, record, field: field ?? null };
    return deps.urls.archiveUrl(place, { expiresIn, maker: makerOf(viewer) });
  }

  @FieldResolver(() => AttachmentConnection, {
    description: 'Everything this record has claimed or links to.',
  })
  async attachments(
    @Root() { ref }: HostRecord,
    @Args(() => PageArgs) page: PageArgs,
    @Arg('status', () => [AttachmentStatus], {
      description: 'Any of these verdicts; null: all.',
      nullable: true,
    })
    status: (keyof typeof AttachmentStatus)[] | null | undefined,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<Attachment>> {
    const request = toPageRequest(page);
    context.spend(request.size);
    // A record that may not be viewed looks like one that never had anything.
    const isVisible = await context.access.mayView(ref, null);
    return connectRecord(context, request, {
      record: ref,
      status: isVisible ? (status ?? undefined) : [],
    });
  }
}

@Resolver(() => RecordField)
export class RecordFieldResolver {
  @FieldResolver(() => ID, { description: opaque })
  id(@Root() { record: { ref }, name }: RecordField, @Ctx() { viewer }: GraphqlContext): string {
    return toNodeId(viewer.organizationId, { type: 'RecordField', key: [ref.type, ref.id, name] });
  }

  @FieldResolver(() => Int, {
    description: "Grows by one with every change of the field's links; 0 for a field never linked to.",
  })
  async version(@Root() field: RecordField, @Ctx() context: GraphqlContext): Promise<number> {
    return (await readField(field, context))?.version ?? 0;
  }

  @FieldResolver(() => [AttachmentLink], {
    description: 'In order, at most 1,000 (TOO_MANY_ATTACHMENTS). Only APPROVED ones unless includePending.',
  })
  async links(
    @Root() field: RecordField,
    @Arg('includePending', () => Boolean, {
      description: 'Whether those with an outstanding verdict are included.',
      defaultValue: false,
    })
    includePending: boolean,
    @Ctx() context: GraphqlContext,
  ): Promise<AttachmentLink[]> {
    const links = await readLinks(field, context);
    return includePending ? links : links.filter(({ state }) => state === 'ACTIVE');
  }

  @FieldResolver(() => UploadPolicy, { description: 'The rules for what may be linked to it.' })
  policy(@Root() { record: { ref }, name }: RecordField, @Ctx() { deps }: GraphqlContext): UploadPolicy {
    return toUploadPolicy(deps, findPolicy(deps.policies, { record: ref, field: name }));
  }
}

@Resolver(() => AttachmentLink)
export class AttachmentLinkFields {
  @FieldResolver(() => ID, { description: opaque })
  id(@Root() { fieldId, stored }: AttachmentLink, @Ctx() { viewer }: GraphqlContext): string {
    const key = [fieldId, stored.attachment.id];
    return toNodeId(viewer.organizationId, { type: 'AttachmentLink', key });
  }

  @FieldResolver(() => Attachment, { description: 'The attachment, as it was when the link was read.' })
  attachment(@Root() { stored }: AttachmentLink): Attachment {
    return toAttachment(stored);
  }
}

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
    const database = await access.forTransfer(deps.database, { ...input, field }, ['input', 'from']);
    await access.assertMayEdit(input.to, field, ['input', 'to']);
    await access.mayView(input.to, field);
    await decideLinks(input.attachmentId, context, info);
    return {
      attachment: toAttachment(await transferAttachment({ ...deps, database }, viewer, { ...input, field })),
    };
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
