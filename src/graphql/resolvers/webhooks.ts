import { Arg, Args, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import { toPageRequest } from '../../database/page.js';
import { findAttachment, notFound } from '../../model/stored-attachment.js';
import { countDeliveries, findDelivery, listDeliveries } from '../../webhooks/list-deliveries.js';
import { redeliverWebhook } from '../../webhooks/redeliver-webhook.js';
import type { GraphqlContext } from '../context.js';
import { type ConnectionOf, connect } from '../types/connection.js';
import { PageArgs } from '../types/inputs.js';
import {
  RedeliverWebhookInput,
  RedeliverWebhookPayload,
  toWebhookDelivery,
  type WebhookDelivery,
  WebhookDeliveryConnection,
  WebhookDeliveryState,
} from '../types/webhook-delivery.js';

@Resolver()
export class Webhooks {
  @Query(() => WebhookDeliveryConnection, { description: 'The newest first.' })
  async webhookDeliveries(
    @Arg('attachmentId', () => ID, { description: 'The attachment that the webhooks are about.' })
    attachmentId: string,
    @Arg('state', () => [WebhookDeliveryState], { nullable: true, description: 'Any of these; null: all.' })
    states: (keyof typeof WebhookDeliveryState)[] | null | undefined,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<WebhookDelivery>> {
    await assertVisible(context, attachmentId, ['attachmentId']);
    const { viewer } = context;
    const filter = { attachmentId, states: states ?? null };
    return connect(
      toPageRequest(page),
      (request) => context.list((read) => listDeliveries(read, viewer, filter, request)),
      toWebhookDelivery,
      () => context.list((read) => countDeliveries(read, viewer, filter)),
    );
  }

  @Mutation(() => RedeliverWebhookPayload, { description: 'Sends a webhook again.' })
  async redeliverWebhook(
    @Arg('input', () => RedeliverWebhookInput) { deliveryId }: RedeliverWebhookInput,
    @Ctx() context: GraphqlContext,
  ): Promise<RedeliverWebhookPayload> {
    const { deps, reader, viewer } = context;
    const delivery = await findDelivery(reader, viewer, deliveryId);
    await assertVisible(context, delivery?.attachmentId ?? '', ['input', 'deliveryId']);
    return { delivery: toWebhookDelivery(await redeliverWebhook(deps, viewer, deliveryId)) };
  }
}

/** A delivery is seen by whoever sees its attachment. */
async function assertVisible(
  { reader, viewer, access }: GraphqlContext,
  attachmentId: string,
  loc: string[],
): Promise<void> {
  if (await access.view(await findAttachment(reader, viewer, attachmentId))) return;
  throw notFound(loc);
}
