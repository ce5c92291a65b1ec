import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, FieldResolver, Info, Mutation, Resolver, Root } from 'type-graphql';
import { copyAttachment } from '../../attachments/copy-attachment.js';
import { createAttachment } from '../../attachments/create-attachment.js';
import { deleteAttachment, deleteRecordAttachments } from '../../attachments/delete-attachments.js';
import { restoreAttachment } from '../../attachments/delete-rows.js';
import { updateAttachment } from '../../attachments/update-attachment.js';
import { claimAttachment } from '../../links/claim-attachment.js';
import { linkAttachments } from '../../links/link-attachments.js';
import { releaseAttachment, rescanAttachment } from '../../verdicts/reconsider.js';
import { decideLinks, readLinks, readRejected } from '../connect-attachments.js';
import type { GraphqlContext } from '../context.js';
import { toAttachment } from '../types/attachment.js';
import {
  CopyAttachmentInput,
  CreateAttachmentInput,
  toCreation,
  toMetadata,
  UpdateAttachmentInput,
} from '../types/creation-inputs.js';
import {
  ClaimAttachmentInput,
  DeleteAttachmentInput,
  DeleteRecordAttachmentsInput,
  LinkAttachmentsInput,
  ReleaseAttachmentInput,
  RescanAttachmentInput,
  RestoreAttachmentInput,
} from '../types/inputs.js';
import {
  ClaimAttachmentPayload,
  CopyAttachmentPayload,
  CreateAttachmentPayload,
  DeleteAttachmentPayload,
  DeleteRecordAttachmentsPayload,
  LinkAttachmentsPayload,
  ReleaseAttachmentPayload,
  RescanAttachmentPayload,
  RestoreAttachmentPayload,
  UpdateAttachmentPayload,
} from '../types/payloads.js';
import { type KnownField, toRecordField } from '../types/record.js';

/** Paths into inputs that name what a record authorizer is asked about. */
const namedAttachment = ['input', 'attachmentId'];
const namedRecord = ['input', 'record'];

@Resolver()
export class Mutations {
  @Mutation(() => CreateAttachmentPayload, {
    description: 'Keeps a file. It is answered after bytes and rows are durable.',
  })
  async createAttachment(
    @Arg('input', () => CreateAttachmentInput) input: CreateAttachmentInput,
    @Ctx() context: GraphqlContext,
  ): Promise<CreateAttachmentPayload> {
    const creation = { ...toCreation(input), content: input.content };
    return { attachment: toAttachment(await createAttachment(context.deps, context, creation)) };
  }

  @Mutation(() => UpdateAttachmentPayload, {
    description: 'Changes name, description or metadata. Members that are left out stay as they are.',
  })
  async updateAttachment(
    @Arg('input', () => UpdateAttachmentInput) { fileName, metadata, ...input }: UpdateAttachmentInput,
    @Ctx() context: GraphqlContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<UpdateAttachmentPayload> {
    const { deps, viewer, access } = context;
    const database = await access.forChange(deps.database, input.attachmentId, namedAttachment);
    await decideLinks(input.attachmentId, context, info);
    const stored = await updateAttachment({ ...deps, database }, viewer, {
      ...input,
      fileName: fileName ?? undefined,
      metadata: metadata && toMetadata(metadata),
    });
    return { attachment: toAttachment(stored) };
  }

  @Mutation(() => CopyAttachmentPayload, {
    description: 'Makes a new, unclaimed attachment over the same stored bytes.',
  })
  async copyAttachment(
    @Arg('input', () => CopyAttachmentInput) { attachmentId, ...input }: CopyAttachmentInput,
    @Ctx() { deps, viewer, access }: GraphqlContext,
  ): Promise<CopyAttachmentPayload> {
    await access.assertVisible([attachmentId], () => namedAttachment);
    const { fileName = null, idempotencyKey = null } = input;
    const stored = await copyAttachment(deps, viewer, { attachmentId, fileName, idempotencyKey });
    if (stored.isReplay) await access.assertMayReplay(stored, { record: null, field: null });
    return { attachment: toAttachment(stored) };
  }

  @Mutation(() => DeleteRecordAttachmentsPayload, {
    description: 'Deletes all that a record has claimed, and empties its fields.',
  })
  async deleteRecordAttachments(
    @Arg('input', () => DeleteRecordAttachmentsInput) { record }: DeleteRecordAttachmentsInput,
    @Ctx() { deps, viewer, access }: GraphqlContext,
  ): Promise<DeleteRecordAttachmentsPayload> {
    const database = await access.forRecord(deps.database, record, namedRecord);
    return { deletedAttachmentIds: await deleteRecordAttachments({ ...deps, database }, viewer, record) };
  }

  @Mutation(() => ClaimAttachmentPayload, {
    description:
      'Gives an attachment to a record for good. Of several records at once exactly one wins; others get ALREADY_CLAIMED.',
  })
  async claimAttachment(
    @Arg('input', () => ClaimAttachmentInput) input: ClaimAttachmentInput,
    @Ctx() context: GraphqlContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<ClaimAttachmentPayload> {
    const { deps, viewer, access } = context;
    await access.assertVisible([input.attachmentId], () => namedAttachment);
    await access.assertMayEdit(input.record, null, namedRecord);
    await decideLinks(input.attachmentId, context, info);
    const { alreadyClaimed, ...stored } = await claimAttachment(deps, viewer, input);
    return { attachment: toAttachment(stored), alreadyClaimed };
  }

  @Mutation(() => LinkAttachmentsPayload, {
    description:
      "Changes the ordered attachments of a record's field, and claims them under an exclusive policy.",
  })
  async linkAttachments(
    @Arg('input', () => LinkAttachmentsInput) input: LinkAttachmentsInput,
    @Ctx() context: GraphqlContext,
  ): Promise<LinkAttachmentsPayload> {
    const { deps, viewer, access } = context;
    await access.assertMayEdit(input.record, input.field, namedRecord);
    let named: readonly string[] = input.attachmentIds;
    if (input.mode === 'REMOVE') named = await access.seen(named);
    else await access.assertVisible(named, (index) => ['input', 'attachmentIds', index]);
    // Asked before: nothing that the answer tells of the field is left open once it is changed.
    const seesField = await access.mayView(input.record, input.field);
    const assertAnswerable = (linkCount: number) => context.spend(linkCount);
    const expectedVersion = input.expectedVersion ?? null;
    const change = { ...input, expectedVersion };
    const linked = await linkAttachments({ ...deps, assertAnswerable }, viewer, change);
    const known = await awaitVerdicts(context, input, { row: linked.field, linked: linked.links });
    const field = toRecordField(input.record, input.field, known);
    const links = await readLinks(field, context);
    const rejected = await readRejected(named, known, context);
    return {
      field,
      links,
      rejected: rejected.map(toAttachment),
      unlinked: seesField ? linked.unlinked.map(toAttachment) : [],
    };
  }

  @Mutation(() => DeleteAttachmentPayload, {
    description:
      'Puts an attachment into the trash, or deletes it if there is none. Its bytes go with the last attachment over them.',
  })
  async deleteAttachment(
    @Arg('input', () => DeleteAttachmentInput) input: DeleteAttachmentInput,
    @Ctx() { deps, viewer, access }: GraphqlContext,
  ): Promise<DeleteAttachmentPayload> {
    const where = input.permanently ? 'anywhere' : 'attachment';
    const database = await access.forChange(deps.database, input.attachmentId, namedAttachment, where);
    const deletion = await deleteAttachment({ ...deps, database }, viewer, input);
    return { deletedAttachmentId: input.attachmentId, deletion };
  }

  @Mutation(() => RestoreAttachmentPayload, { description: 'Takes an attachment out of the trash.' })
  async restoreAttachment(
    @Arg('input', () => RestoreAttachmentInput) { attachmentId }: RestoreAttachmentInput,
    @Ctx() { deps, viewer, access }: GraphqlContext,
  ): Promise<RestoreAttachmentPayload> {
    const database = await access.forChange(deps.database, attachmentId, namedAttachment, 'anywhere');
    return { attachment: toAttachment(await restoreAttachment({ ...deps, database }, viewer, attachmentId)) };
  }
}

@Resolver(() => DeleteAttachmentPayload)
export class DeleteAttachmentFields {
  @FieldResolver(() => String, {
    description:
      'Proof of what was stored and when it was deleted: a compact JWS (EdDSA), as `Attachment.receipt`.',
  })
  receipt(
    @Root() { deletion: { stored, ...deletion } }: DeleteAttachmentPayload,
    @Ctx() { deps, viewer, budget }: GraphqlContext,
  ): Promise<string> {
    const sign = () => deps.receipts.deleted(stored, { ...deletion, by: viewer.principal.id });
    // One request may put it into the trash, and delete it for good.
    const name = `${stored.attachment.id} deleted ${deletion.at.getTime()} ${deletion.expiresAt?.getTime()}`;
    return budget.once(name, sign);
  }
}

/** The field as the transaction left it; as it is now, if a verdict was waited for. */
async function awaitVerdicts(
  { deps, loaders }: GraphqlContext,
  { record, field: name, attachmentIds, holdSeconds }: LinkAttachmentsInput,
  field: Required<KnownField>,
): Promise<KnownField> {
  const pending = field.linked.filter(({ stored }) => stored.blob.verdict === 'PENDING');
  const named = new Set(attachmentIds);
  const ids = pending.map(({ stored }) => stored.attachment.id).filter((id) => named.has(id));
  if (holdSeconds === 0 || ids.length === 0) return field;
  await deps.verdictWatch.hold(ids, holdSeconds * 1_000);
  return { row: (await loaders.field.load({ record, name })) ?? field.row };
}

@Resolver()
export class VerdictMutations {
  @Mutation(() => RescanAttachmentPayload, { description: 'Has the content checked again.' })
  async rescanAttachment(
    @Arg('input', () => RescanAttachmentInput) { attachmentId }: RescanAttachmentInput,
    @Ctx() { deps, viewer, access }: GraphqlContext,
  ): Promise<RescanAttachmentPayload> {
    await access.assertVisible([attachmentId], () => ['input', 'attachmentId']);
    return { attachment: toAttachment(await rescanAttachment(deps, viewer, attachmentId)) };
  }

  @Mutation(() => ReleaseAttachmentPayload, {
    description: "Approves a rejected attachment by an administrator's decision.",
  })
  async releaseAttachment(
    @Arg('input', () => ReleaseAttachmentInput) input: ReleaseAttachmentInput,
    @Ctx() { deps, viewer, access }: GraphqlContext,
  ): Promise<ReleaseAttachmentPayload> {
    await access.assertVisible([input.attachmentId], () => ['input', 'attachmentId']);
    return { attachment: toAttachment(await releaseAttachment(deps, viewer, input)) };
  }
}
