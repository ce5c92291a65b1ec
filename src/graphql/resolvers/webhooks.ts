import { Arg, Args, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import { assertPermitted } from '../../auth/permission-table.js';
import { toPageRequest } from '../../database/page.js';
import { findAttachment, notFound } from '../../model/stored-attachment.js';
import { countDeliveries, findDelivery, listDeliveries } from '../../webhooks/list-deliveries.js';
import { redeliverWebhook } from '../../webhooks/redeliver-webhook.js';
import type { GraphqlContext } from '../context.js';
import { type ConnectionOf, connect } from '../types/connection.js';
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
