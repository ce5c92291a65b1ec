import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Ctx, FieldResolver, Info, Mutation, Resolver, Root } from 'type-graphql';
import { replaceContent } from '../../attachments/replace-content.js';
import { readPage, toPageRequest, toTotal } from '../../database/page.js';
import { type StoredVersion, versionsOf } from '../../model/versions.js';
import type { GraphqlContext } from '../context.js';
import { decideLinks } from '../read-links.js';
import { Attachment, toAttachment } from '../types/attachment.js';
import {
  AttachmentVersion,
  AttachmentVersionConnection,
  ReplaceContentInput,
  ReplaceContentPayload,
  toReplacement,
  toVersion,
} from '../types/attachment-version.js';
import { type ConnectionOf, connect } from '../types/connection.js';
import { PageArgs } from '../types/inputs.js';
import { contentFields } from './content-fields.js';

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
    await context.access.assertMayChange(input.attachmentId, ['input', 'attachmentId']);
    await decideLinks(input.attachmentId, context, info);
    const { stored, version } = await replaceContent(context.deps, context, toReplacement(input));
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
