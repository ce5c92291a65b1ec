import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Ctx, FieldResolver, Info, Int, Mutation, Resolver, Root } from 'type-graphql';
import { replaceContent } from '../../attachments/replace-content.js';
import { makerOf } from '../../auth/url-makers.js';
import { TrashedAttachmentRow } from '../../database/entities/attachment.js';
import { readPage, toPageRequest, toTotal } from '../../database/page.js';
import { type StoredVersion, versionsOf } from '../../model/versions.js';
import type { GraphqlContext } from '../context.js';
import { decideLinks } from '../read-links.js';
import { Attachment, Digest, toAttachment } from '../types/attachment.js';
import {
  AttachmentVersion,
  AttachmentVersionConnection,
  ReplaceContentInput,
  ReplaceContentPayload,
  toReplacement,
  toVersion,
} from '../types/attachment-version.js';
import { type ConnectionOf, connect } from '../types/connection.js';
import { DigestAlgorithm, Disposition } from '../types/enums.js';
import { PageArgs } from '../types/inputs.js';
import { Principal } from '../types/principal.js';
import { Url } from '../types/scalars.js';

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
export class VersionFields {
  @FieldResolver(() => Digest, { description: 'A hash of the stored bytes.' })
  digest(
    @Root() { content: { blob } }: AttachmentVersion,
    @Arg('algorithm', () => DigestAlgorithm, {
      description: 'The hash function.',
      defaultValue: DigestAlgorithm.SHA256,
    })
    algorithm: DigestAlgorithm,
  ): Digest {
    return { algorithm, hash: algorithm === 'MD5' ? blob.md5 : blob.sha256 };
  }

  @FieldResolver(() => Principal, { description: 'The principal whose credential brought it.' })
  async createdBy(
    @Root() { content: { version } }: AttachmentVersion,
    @Ctx() { loaders }: GraphqlContext,
  ): Promise<Principal> {
    const id = version.createdById;
    return (await loaders.principal.load(id)) ?? { id, kind: 'USER', name: null };
  }

  @FieldResolver(() => Url, {
    nullable: true,
    description:
      'Signed, for this content alone; needs no credential. Null unless APPROVED, and in the trash. It ends when the content is not kept any more.',
  })
  downloadUrl(
    @Root() { stored, content: { version, blob } }: AttachmentVersion,
    @Arg('expiresIn', () => Int, {
      description: 'Seconds that the URL lives at least, 1 to 604800 (7 days).',
      defaultValue: 300,
    })
    expiresIn: number,
    @Arg('disposition', () => Disposition, {
      description: 'INLINE is honoured only for types that cannot harm a reader; others are still saved.',
      defaultValue: Disposition.ATTACHMENT,
    })
    disposition: Disposition,
    @Ctx() { deps, viewer, access, budget }: GraphqlContext,
  ): Promise<string | null> {
    const { id: contentId, attachmentId: id, fileName } = version;
    return budget.once(`${id} ${contentId} ${expiresIn} ${disposition}`, async () => {
      const options = { expiresIn, disposition, maker: makerOf(viewer), contentId };
      const url = deps.urls.signedUrl({ id, fileName }, options);
      const isOut = blob.verdict === 'APPROVED' && !(stored.attachment instanceof TrashedAttachmentRow);
      const permitted = isOut && viewer.permissions.has('attachments:read');
      return permitted && (await access.view(stored)) ? url : null;
    });
  }
}
