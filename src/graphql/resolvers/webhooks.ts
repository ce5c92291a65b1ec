import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import { assertPermitted } from '../../auth/viewer.js';
import { toPageRequest } from '../../database/page.js';
import { findAttachment, notFound } from '../../model/stored-attachment.js';
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  enableWebhookEndpoint,
  rotateWebhookEndpointSecret,
  testWebhookEndpoint,
  updateWebhookEndpoint,
} from '../../webhooks/endpoints.js';
import {
  countDeliveries,
  countEndpoints,
  findDelivery,
  listDeliveries,
  listEndpoints,
} from '../../webhooks/list-deliveries.js';
import { redeliverWebhook } from '../../webhooks/settle-delivery.js';
import type { GraphqlContext } from '../context.js';
import { type ConnectionOf, connect } from '../types/connection.js';
import { Principal } from '../types/credentials.js';
import { PageArgs } from '../types/inputs.js';
import {
  DeliveryArgs,
  RedeliverWebhookInput,
  RedeliverWebhookPayload,
  toWebhookDelivery,
  type WebhookDelivery,
  WebhookDeliveryConnection,
  WebhookDeliveryState,
} from '../types/webhook-delivery.js';
import {
  CreateWebhookEndpointInput,
  CreateWebhookEndpointPayload,
  DeleteWebhookEndpointInput,
  DeleteWebhookEndpointPayload,
  EnableWebhookEndpointInput,
  EnableWebhookEndpointPayload,
  RotateWebhookEndpointSecretInput,
  RotateWebhookEndpointSecretPayload,
  TestWebhookEndpointInput,
  TestWebhookEndpointPayload,
  toWebhookEndpoint,
  UpdateWebhookEndpointInput,
  UpdateWebhookEndpointPayload,
  WebhookEndpoint,
  WebhookEndpointConnection,
} from '../types/webhook-endpoint.js';
import { loadPrincipal } from './load-principal.js';

@Resolver()
export class Webhooks {
  @Query(() => WebhookDeliveryConnection, {
    description:
      'The newest first. Without attachmentId those of all attachments and endpoints, for attachments:admin.',
  })
  async webhookDeliveries(
    @Arg('attachmentId', () => ID, {
      nullable: true,
      description: 'The attachment that the webhooks are about; null: any.',
    })
    attachmentId: string | null | undefined,
    @Arg('state', () => [WebhookDeliveryState], { nullable: true, description: 'Any of these; null: all.' })
    states: (keyof typeof WebhookDeliveryState)[] | null | undefined,
    @Args(() => DeliveryArgs) { event, endpointId, createdAfter, createdBefore }: DeliveryArgs,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<WebhookDelivery>> {
    await assertListed(context, attachmentId ?? null);
    const { viewer } = context;
    const filter = {
      ...{ attachmentId: attachmentId ?? null, states: states ?? null, events: event ?? null },
      ...{ endpointId: endpointId ?? null, after: createdAfter ?? null, before: createdBefore ?? null },
      isSubscribed: !viewer.permissions.has('attachments:admin'),
    };
    return connect(
      toPageRequest(page),
      (request) => context.list((read) => listDeliveries(read, viewer, filter, request)),
      toWebhookDelivery,
      () => context.list((read) => countDeliveries(read, viewer, filter)),
    );
  }

  @Mutation(() => RedeliverWebhookPayload, {
    description: "Sends a webhook again. An endpoint's needs attachments:admin too.",
  })
  async redeliverWebhook(
    @Arg('input', () => RedeliverWebhookInput) { deliveryId }: RedeliverWebhookInput,
    @Ctx() context: GraphqlContext,
  ): Promise<RedeliverWebhookPayload> {
    const { deps, reader, viewer } = context;
    const delivery = await findDelivery(reader, viewer, deliveryId);
    const isAdministered = delivery?.endpointId != null && viewer.permissions.has('attachments:admin');
    const attachmentId = delivery?.endpointId === null ? delivery.attachmentId : '';
    if (!isAdministered) await assertVisible(context, attachmentId, ['input', 'deliveryId']);
    return { delivery: toWebhookDelivery(await redeliverWebhook(deps, viewer, deliveryId)) };
  }
}

/** Those of one attachment are listed for whoever sees it, those of all for administrators. */
async function assertListed(context: GraphqlContext, attachmentId: string | null): Promise<void> {
  if (attachmentId === null) assertPermitted(context.viewer, ['attachments:admin']);
  else await assertVisible(context, attachmentId, ['attachmentId']);
}

/** A subscription's delivery is seen by whoever sees its attachment. */
async function assertVisible(
  { reader, viewer, access }: GraphqlContext,
  attachmentId: string,
  loc: string[],
): Promise<void> {
  if (await access.view(await findAttachment(reader, viewer, attachmentId))) return;
  throw notFound(loc);
}

@Resolver(() => WebhookEndpoint)
export class WebhookEndpoints {
  @Query(() => WebhookEndpointConnection, {
    description: "The viewer's organization's, the newest first; paused ones too.",
  })
  async webhookEndpoints(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<WebhookEndpoint>> {
    const { viewer } = context;
    return connect(
      toPageRequest(page),
      (request) => context.list((read) => listEndpoints(read, viewer, request)),
      toWebhookEndpoint,
      () => context.list((read) => countEndpoints(read, viewer)),
    );
  }

  @Mutation(() => CreateWebhookEndpointPayload, {
    description: "Has a receiver told of the organization's events, signed by a secret of its own.",
  })
  async createWebhookEndpoint(
    @Arg('input', () => CreateWebhookEndpointInput) { uri, ...input }: CreateWebhookEndpointInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<CreateWebhookEndpointPayload> {
    const wanted = { uri: uri.href, events: input.events, description: input.description ?? null };
    const { endpoint, secret } = await createWebhookEndpoint(deps, viewer, wanted);
    return { webhookEndpoint: toWebhookEndpoint(endpoint), secret };
  }

  @Mutation(() => UpdateWebhookEndpointPayload, {
    description: 'Changes an endpoint. Deliveries that wait go to the new address.',
  })
  async updateWebhookEndpoint(
    @Arg('input', () => UpdateWebhookEndpointInput) input: UpdateWebhookEndpointInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<UpdateWebhookEndpointPayload> {
    const { id, description } = input;
    const changes = { uri: input.uri?.href, events: input.events ?? undefined, description };
    const endpoint = await updateWebhookEndpoint(deps, viewer, { id, ...changes });
    return { webhookEndpoint: toWebhookEndpoint(endpoint) };
  }

  @Mutation(() => RotateWebhookEndpointSecretPayload, {
    description: 'Gives an endpoint a new secret; earlier ones sign too for a while.',
  })
  async rotateWebhookEndpointSecret(
    @Arg('input', () => RotateWebhookEndpointSecretInput) input: RotateWebhookEndpointSecretInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<RotateWebhookEndpointSecretPayload> {
    const { endpoint, secret } = await rotateWebhookEndpointSecret(deps, viewer, input);
    return { webhookEndpoint: toWebhookEndpoint(endpoint), secret };
  }

  @Mutation(() => EnableWebhookEndpointPayload, {
    description: 'Has a paused endpoint told of events again, from now on; again: nothing changes.',
  })
  async enableWebhookEndpoint(
    @Arg('input', () => EnableWebhookEndpointInput) { id }: EnableWebhookEndpointInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<EnableWebhookEndpointPayload> {
    return { webhookEndpoint: toWebhookEndpoint(await enableWebhookEndpoint(deps, viewer, id)) };
  }

  @Mutation(() => DeleteWebhookEndpointPayload, {
    description: 'Deletes an endpoint: no attempt begins any more. Its deliveries can still be read.',
  })
  async deleteWebhookEndpoint(
    @Arg('input', () => DeleteWebhookEndpointInput) { id }: DeleteWebhookEndpointInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<DeleteWebhookEndpointPayload> {
    await deleteWebhookEndpoint(deps, viewer, id);
    return { deletedWebhookEndpointId: id };
  }

  @Mutation(() => TestWebhookEndpointPayload, {
    description: 'Sends an endpoint a webhook of type ping, also if it is paused.',
  })
  async testWebhookEndpoint(
    @Arg('input', () => TestWebhookEndpointInput) { id }: TestWebhookEndpointInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<TestWebhookEndpointPayload> {
    return { delivery: toWebhookDelivery(await testWebhookEndpoint(deps, viewer, id)) };
  }

  @FieldResolver(() => Principal, { description: 'The principal who made it.' })
  async createdBy(
    @Root() { createdById: id }: WebhookEndpoint,
    @Ctx() context: GraphqlContext,
  ): Promise<Principal> {
    return loadPrincipal(context, id);
  }
}
