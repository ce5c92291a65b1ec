import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import { countApiKeys, createApiKey, listApiKeys, revokeApiKey } from '../../auth/manage-api-keys.js';
import { toPageRequest } from '../../database/page.js';
import type { GraphqlContext } from '../context.js';
import {
  ApiKey,
  ApiKeyConnection,
  CreateApiKeyInput,
  CreateApiKeyPayload,
  RevokeApiKeyInput,
  RevokeApiKeyPayload,
  toApiKey,
} from '../types/api-key.js';
import { type ConnectionOf, connect } from '../types/connection.js';
import { PageArgs } from '../types/inputs.js';
import { Principal } from '../types/principal.js';

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
  async principal(
    @Root() { principalId: id }: ApiKey,
    @Ctx() { loaders }: GraphqlContext,
  ): Promise<Principal> {
    return (await loaders.principal.load(id)) ?? { id, kind: 'SERVICE', name: null };
  }
}
