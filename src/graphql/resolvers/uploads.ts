import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Ctx, FieldResolver, Info, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import { replaceContent } from '../../attachments/replace-content.js';
import { readPage, toPageRequest, toTotal } from '../../database/page.js';
import { createUploadTarget, offerUpload } from '../../intake/create-upload-target.js';
import { findTarget, progressOf } from '../../intake/from-target.js';
import {
  abortUploadTarget,
  completeUploadTarget,
  listUploadParts,
  signUploadParts,
} from '../../intake/upload-parts.js';
import { type StoredVersion, versionsOf } from '../../model/versions.js';
import { decideLinks } from '../connect-attachments.js';
import type { GraphqlContext } from '../context.js';
import { Attachment, toAttachment } from '../types/attachment.js';
import { type ConnectionOf, connect } from '../types/connection.js';
import { PageArgs } from '../types/inputs.js';
import {
  AbortUploadTargetPayload,
  CompleteUploadTargetPayload,
  CreateUploadTargetPayload,
  SignUploadPartsPayload,
} from '../types/payloads.js';
import {
  AttachmentVersion,
  AttachmentVersionConnection,
  ReplaceContentInput,
  ReplaceContentPayload,
  toReplacement,
  toVersion,
} from '../types/record.js';
import {
  AbortUploadTargetInput,
  CompleteUploadTargetInput,
  CreateUploadTargetInput,
  SignUploadPartsInput,
  toUploadPart,
  toUploadPartTarget,
  toUploadTarget,
  UploadPart,
  UploadTarget,
} from '../types/upload.js';
import { contentFields } from './attachment-fields.js';

/** Targets of bytes that go past GraphQL. */
@Resolver()
export class Uploads {
  @Query(() => UploadTarget, {
    nullable: true,
    description: "A target of the viewer's own; null where there is none.",
  })
  async uploadTarget(
    @Arg('documentKey', () => String, { description: 'The key that the target has given out.' })
    documentKey: string,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<UploadTarget | null> {
    const found = await findTarget(deps, viewer, documentKey);
    return found && toUploadTarget(found, await offerUpload(deps, found));
  }

  @Query(() => [UploadPart], {
    description: "Parts that the store has of a target of the viewer's own, in the order of their places.",
  })
  async uploadParts(
    @Arg('documentKey', () => String, { description: 'The key of a target made with S3_MULTIPART.' })
    documentKey: string,
    @Arg('after', () => Int, { nullable: true, description: 'Only parts behind this place; null: all.' })
    after: number | null | undefined,
    @Arg('first', () => Int, { nullable: true, description: 'At most 1,000; null: as many.' })
    first: number | null | undefined,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<UploadPart[]> {
    return (await listUploadParts(deps, viewer, { documentKey, after, first })).map(toUploadPart);
  }

  @Mutation(() => CreateUploadTargetPayload, {
    description: 'Makes a URL that takes the bytes of one file, past GraphQL.',
  })
  async createUploadTarget(
    @Arg('input', () => CreateUploadTargetInput) input: CreateUploadTargetInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<CreateUploadTargetPayload> {
    const { contentType = null, digest = null, policy = null } = input;
    const target = await createUploadTarget(deps, viewer, { ...input, contentType, digest, policy });
    const progress = progressOf(target, deps.clock());
    return { target: toUploadTarget(progress, await offerUpload(deps, target)) };
  }

  @Mutation(() => SignUploadPartsPayload, {
    description: 'Makes URLs that take parts of a target. The target lives on from then.',
  })
  async signUploadParts(
    @Arg('input', () => SignUploadPartsInput) input: SignUploadPartsInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<SignUploadPartsPayload> {
    return { parts: (await signUploadParts(deps, viewer, input)).map(toUploadPartTarget) };
  }

  @Mutation(() => CompleteUploadTargetPayload, {
    description:
      'Finishes a target all of whose parts have come: then createAttachment takes its key. Once more is as good.',
  })
  async completeUploadTarget(
    @Arg('input', () => CompleteUploadTargetInput) { documentKey }: CompleteUploadTargetInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<CompleteUploadTargetPayload> {
    const target = await completeUploadTarget(deps, viewer, documentKey);
    const progress = progressOf(target, deps.clock());
    return { target: toUploadTarget(progress, await offerUpload(deps, target)) };
  }

  @Mutation(() => AbortUploadTargetPayload, {
    description: 'Ends a target whose bytes are not wanted any more. Parts that have come are removed.',
  })
  async abortUploadTarget(
    @Arg('input', () => AbortUploadTargetInput) { documentKey }: AbortUploadTargetInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<AbortUploadTargetPayload> {
    await abortUploadTarget(deps, viewer, documentKey);
    return { documentKey };
  }
}

const order = 'VERSIONS';

@Resolver(() => Attachment)
export class VersionedAttachments {
  @Mutation(() => ReplaceContentPayload, {
    description: 'Brings new content for an attachment. It is answered after bytes and rows are durable.',
  })
  async replaceContent(
    @Arg('input', () => ReplaceContentInput) input: ReplaceContentInput,
    @Ctx() context: GraphqlContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<ReplaceContentPayload> {
    const { deps, access } = context;
    const database = await access.forChange(deps.database, input.attachmentId, ['input', 'attachmentId']);
    await decideLinks(input.attachmentId, context, info);
    const { stored, version } = await replaceContent({ ...deps, database }, context, toReplacement(input));
    return { attachment: toAttachment(stored), version: toVersion(stored, version) };
  }

  @FieldResolver(() => AttachmentVersionConnection, {
    description: 'Its contents, the newest first: as many as MAX_VERSIONS, the current one included.',
  })
  async versions(
    @Root() { stored }: Attachment,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<AttachmentVersion>> {
    const request = toPageRequest(page);
    context.spend(request.size);
    const { loaders } = context;
    const read = async () =>
      versionsOf(stored, await loaders.versionsOfAttachment.load(stored.attachment.id));
    const positionOf = ({ version: { position: value, id } }: StoredVersion) => ({ value, id });
    return connect(
      request,
      (part) =>
        readPage(
          part,
          { order, kind: 'number', positionOf },
          async ({ after, before, isBackward, limit }) => {
            const within = (await read()).filter(
              ({ version: { position } }) =>
                (after === null || position < Number(after.value)) &&
                (before === null || position > Number(before.value)),
            );
            return (isBackward ? within.toReversed() : within).slice(0, limit);
          },
        ),
      (version) => toVersion(stored, version),
      async () => toTotal((await read()).length),
    );
  }
}

@Resolver(() => AttachmentVersion)
export class VersionFields extends contentFields({
  type: AttachmentVersion,
  descriptions: {
    digest: 'A hash of the stored bytes.',
    createdBy: 'The principal whose credential brought it.',
    downloadUrl:
      'Signed, for this content alone; needs no credential. Null unless APPROVED, if it is damaged, and in the trash. It ends when the content is not kept any more.',
  },
  factsOf: ({ stored, content: { version, blob } }) => ({
    stored,
    blob,
    named: version,
    contentId: version.id,
  }),
}) {}
