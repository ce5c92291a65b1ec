import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Ctx, FieldResolver, Info, Mutation, Query, Resolver, Root } from 'type-graphql';
import { countApiKeys, createApiKey, listApiKeys, revokeApiKey } from '../../auth/manage-api-keys.js';
import type { ShareLinkRow } from '../../database/entities/record-field.js';
import { readPage, toPageRequest } from '../../database/page.js';
import { notFound } from '../../model/stored-attachment.js';
import { createShareLink, readShareLinksOf, revokeShareLink } from '../../sharing/share-links.js';
import { decideLinks } from '../connect-attachments.js';
import type { GraphqlContext } from '../context.js';
import { Attachment, toAttachment } from '../types/attachment.js';
import { type ConnectionOf, connect } from '../types/connection.js';
import {
  ApiKey,
  ApiKeyConnection,
  CreateApiKeyInput,
  CreateApiKeyPayload,
  CreateShareLinkInput,
  CreateShareLinkPayload,
  Principal,
  RevokeApiKeyInput,
  RevokeApiKeyPayload,
  RevokeShareLinkInput,
  RevokeShareLinkPayload,
  ShareLink,
  ShareLinkConnection,
  toApiKey,
  toShareLink,
} from '../types/credentials.js';
import { PageArgs } from '../types/inputs.js';
import { loadPrincipal } from './load-principal.js';

@Resolver(() => ApiKey)
export class ApiKeys {
  @Mutation(() => CreateApiKeyPayload, { description: "A key of the viewer's organization." })
  async createApiKey(
    @Arg('input', () => CreateApiKeyInput) { name, permissions, expiresAt }: CreateApiKeyInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<CreateApiKeyPayload> {
    const input = { name, permissions, expiresAt: expiresAt ?? null };
    const { row, key } = await createApiKey(deps, viewer, input);
    return { apiKey: toApiKey(row), secret: key };
  }

  @Mutation(() => RevokeApiKeyPayload, { description: 'Ends a key for good; again: nothing changes.' })
  async revokeApiKey(
    @Arg('input', () => RevokeApiKeyInput) { id }: RevokeApiKeyInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<RevokeApiKeyPayload> {
    const onKeyRevoked = (keyId: string) => deps.revocations.publish(keyId);
    return { apiKey: toApiKey(await revokeApiKey({ ...deps, onKeyRevoked }, viewer, id)) };
  }

  @Query(() => ApiKeyConnection, {
    description: "The viewer's organization's, newest first; revoked and expired ones too.",
  })
  async apiKeys(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<ApiKey>> {
    const { organizationId } = context.viewer;
    return connect(
      toPageRequest(page),
      (request) => context.list((read) => listApiKeys(read, organizationId, request)),
      toApiKey,
      () => context.list((read) => countApiKeys(read, organizationId)),
    );
  }

  @FieldResolver(() => Principal, { description: 'The service account that the key is a credential of.' })
  async principal(@Root() { principalId: id }: ApiKey, @Ctx() context: GraphqlContext): Promise<Principal> {
    return loadPrincipal(context, id, 'SERVICE');
  }
}

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
    const database = await access.forChange(deps.database, attachmentId, ['input', 'attachmentId']);
    await decideLinks(attachmentId, context, info);
    const made = await createShareLink({ ...deps, database }, viewer, {
      attachmentId,
      expiresAt,
      maxDownloads,
    });
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
    const database = await access.forChange(deps.database, link.attachmentId, ['input', 'id']);
    await decideLinks(link.attachmentId, context, info);
    return { shareLink: toShareLink(await revokeShareLink({ ...deps, database }, viewer, id)) };
  }

  @FieldResolver(() => Attachment, { description: 'The attachment that it shares.' })
  attachment(@Root() { stored }: ShareLink): Attachment {
    return toAttachment(stored);
  }

  @FieldResolver(() => Principal, { description: 'The principal whose credential made it.' })
  async createdBy(
    @Root() { createdById: id }: ShareLink,
    @Ctx() context: GraphqlContext,
  ): Promise<Principal> {
    return loadPrincipal(context, id);
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
