import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Ctx, FieldResolver, Info, Mutation, Resolver, Root } from 'type-graphql';
import type { ShareLinkRow } from '../../database/entities/share-link.js';
import { readPage, toPageRequest } from '../../database/page.js';
import { notFound } from '../../model/stored-attachment.js';
import { readShareLinksOf } from '../../sharing/list-share-links.js';
import { createShareLink, revokeShareLink } from '../../sharing/share-links.js';
import type { GraphqlContext } from '../context.js';
import { decideLinks } from '../read-links.js';
import { Attachment, toAttachment } from '../types/attachment.js';
import { type ConnectionOf, connect } from '../types/connection.js';
import { PageArgs } from '../types/inputs.js';
import { Principal } from '../types/principal.js';
import {
  CreateShareLinkInput,
  CreateShareLinkPayload,
  RevokeShareLinkInput,
  RevokeShareLinkPayload,
  ShareLink,
  ShareLinkConnection,
  toShareLink,
} from '../types/share-link.js';

@Resolver(() => ShareLink)
export class ShareLinks {
  @Mutation(() => CreateShareLinkPayload, {
    description: 'Makes a link by which anybody can download the attachment. Needs attachments:read too.',
  })
  async createShareLink(
    @Arg('input', () => CreateShareLinkInput) input: CreateShareLinkInput,
    @Ctx() context: GraphqlContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<CreateShareLinkPayload> {
    const { deps, viewer, access } = context;
    const { attachmentId, expiresAt = null, maxDownloads = null } = input;
    await access.assertMayChange(attachmentId, ['input', 'attachmentId']);
    await decideLinks(attachmentId, context, info);
    const made = await createShareLink(deps, viewer, { attachmentId, expiresAt, maxDownloads });
    return { shareLink: toShareLink(made), url: deps.shareUrl(made.token) };
  }

  @Mutation(() => RevokeShareLinkPayload, {
    description: 'Ends a share link for good, at once; again: nothing changes.',
  })
  async revokeShareLink(
    @Arg('input', () => RevokeShareLinkInput) { id }: RevokeShareLinkInput,
    @Ctx() context: GraphqlContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<RevokeShareLinkPayload> {
    const { deps, viewer, access } = context;
    const [link] = await readShareLinksOf(deps.database.read, viewer, [id]);
    if (!link) throw notFound(['input', 'id']);
    await access.assertMayChange(link.attachmentId, ['input', 'id']);
    await decideLinks(link.attachmentId, context, info);
    return { shareLink: toShareLink(await revokeShareLink(deps, viewer, id)) };
  }

  @FieldResolver(() => Attachment, { description: 'The attachment that it shares.' })
  attachment(@Root() { stored }: ShareLink): Attachment {
    return toAttachment(stored);
  }

  @FieldResolver(() => Principal, { description: 'The principal whose credential made it.' })
  async createdBy(
    @Root() { createdById: id }: ShareLink,
    @Ctx() { loaders }: GraphqlContext,
  ): Promise<Principal> {
    return (await loaders.principal.load(id)) ?? { id, kind: 'USER', name: null };
  }
}

const order = 'SHARE_LINKS';

@Resolver(() => Attachment)
export class SharedAttachments {
  @FieldResolver(() => ShareLinkConnection, {
    description: 'The links that share it, the newest first; revoked and expired ones too.',
  })
  async shareLinks(
    @Root() { stored }: Attachment,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<ShareLink>> {
    const request = toPageRequest(page);
    context.spend(request.size);
    const { loaders } = context;
    const attachmentId = stored.attachment.id;
    const positionOf = ({ id }: ShareLinkRow) => ({ value: 0, id });
    return connect(
      request,
      (part) =>
        readPage(part, { order, positionOf }, (stretch) =>
          loaders.shareLinks.load({ attachmentId, ...stretch }),
        ),
      (link) => toShareLink({ link, stored }),
      () => loaders.shareLinkCount.load(attachmentId),
    );
  }
}
