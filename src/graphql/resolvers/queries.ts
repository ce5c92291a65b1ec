import { Arg, Args, Ctx, ID, Query, Resolver } from 'type-graphql';
import type { AttachmentFilter } from '../../attachments/attachment-filter.js';
import { findApiKey } from '../../auth/manage-api-keys.js';
import { toPrincipalId } from '../../auth/organizations.js';
import { Faults } from '../../errors.js';
import { checkRecord } from '../../model/record.js';
import { findAttachment } from '../../model/stored-attachment.js';
import { findPolicy } from '../../policies/choose-policy.js';
import { findDelivery } from '../../webhooks/list-deliveries.js';
import { connectAttachments } from '../connect-attachments.js';
import type { GraphqlContext } from '../context.js';
import { type ApiKey, toApiKey } from '../types/api-key.js';
import { Attachment, AttachmentConnection, toAttachment } from '../types/attachment.js';
import type { ConnectionOf } from '../types/connection.js';
import { AttachmentFilterInput, AttachmentOrderInput, PageArgs } from '../types/inputs.js';
import { ViewerType } from '../types/principal.js';
import { RecordType } from '../types/record.js';
import { Node } from '../types/scalars.js';
import { toUploadPolicy, UploadPolicy } from '../types/upload.js';
import { toWebhookDelivery, type WebhookDelivery } from '../types/webhook-delivery.js';

@Resolver()
export class Queries {
  @Query(() => ViewerType)
  viewer(@Ctx() { viewer }: GraphqlContext): ViewerType {
    return { ...viewer, permissions: [...viewer.permissions] };
  }

  @Query(() => Node, {
    nullable: true,
    description:
      'The attachment, API key or webhook delivery of this id; null where there is none or the viewer may not see it.',
  })
  node(@Arg('id', () => ID) id: string, @Ctx() context: GraphqlContext): Promise<Node | null> {
    return findNode(context, id);
  }

  @Query(() => Attachment, {
    nullable: true,
    description: 'Null where there is none or the viewer may not see it.',
  })
  async attachment(
    @Arg('id', () => ID) id: string,
    @Ctx() { reader, viewer, access }: GraphqlContext,
  ): Promise<Attachment | null> {
    const found = await access.view(await findAttachment(reader, viewer, id));
    return found && toAttachment(found);
  }

  @Query(() => AttachmentConnection, {
    description:
      "The viewer's organization's, newest first by default: claimed or linked ones, and the viewer's own.",
  })
  async attachments(
    @Args(() => PageArgs) { first, after }: PageArgs,
    @Arg('filter', () => AttachmentFilterInput, { nullable: true }) filter:
      | AttachmentFilterInput
      | null
      | undefined,
    @Arg('orderBy', () => AttachmentOrderInput, { nullable: true }) orderBy:
      | AttachmentOrderInput
      | null
      | undefined,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<Attachment>> {
    const page = { first: first ?? 50, after: after ?? null };
    return connectAttachments(context, page, {
      filter: await toFilter(context, filter ?? {}),
      orderBy: orderBy ?? { field: 'CREATED_AT', direction: 'DESC' },
    });
  }

  @Query(() => RecordType)
  record(@Arg('type', () => String) type: string, @Arg('id', () => ID) id: string): RecordType {
    const faults = new Faults();
    checkRecord(faults, { type, id }, []);
    faults.throwIfAny();
    return { type, id };
  }

  @Query(() => UploadPolicy, { description: 'What an upload must satisfy, before it is tried.' })
  uploadPolicy(
    @Arg('recordType', () => String, { nullable: true }) recordType: string | null | undefined,
    @Arg('field', () => String, { nullable: true }) field: string | null | undefined,
    @Arg('policy', () => String, { nullable: true }) policy: string | null | undefined,
    @Ctx() { deps }: GraphqlContext,
  ): UploadPolicy {
    const query = { policy: policy ?? null, record: toRecord(recordType), field: field ?? null };
    return toUploadPolicy(findPolicy(deps.policies, query));
  }
}

/** The record that a policy is asked for: what belongs to none has no field either. */
const toRecord = (type: string | null | undefined) =>
  type === null || type === undefined ? null : { type, id: '' };

/** A condition given as null is none. Throws BAD_USER_INPUT for a record that cannot be. */
async function toFilter(
  { reader, viewer }: GraphqlContext,
  input: AttachmentFilterInput,
): Promise<AttachmentFilter> {
  const faults = new Faults();
  if (input.record) checkRecord(faults, input.record, ['filter', 'record']);
  faults.throwIfAny();
  const createdBy = input.createdBy && (await toPrincipalId(reader, viewer.organizationId, input.createdBy));
  const conditions = { ...input, createdBy: createdBy ?? null };
  return Object.fromEntries(Object.entries(conditions).filter(([, value]) => value !== null));
}

/** The object of any kind that has this id, of the kinds that the viewer may read. */
export async function findNode(
  { reader, viewer, access }: GraphqlContext,
  id: string,
): Promise<Attachment | ApiKey | WebhookDelivery | null> {
  const seesKeys = viewer.permissions.has('keys:admin');
  if (viewer.permissions.has('attachments:read')) {
    const attachment = await access.view(await findAttachment(reader, viewer, id));
    if (attachment) return toAttachment(attachment);
    const delivery = await findDelivery(reader, viewer, id);
    // It is seen by whoever sees its attachment.
    if (delivery && (await access.view(await findAttachment(reader, viewer, delivery.attachmentId))))
      return toWebhookDelivery(delivery);
  }
  const key = seesKeys ? await findApiKey(reader, viewer.organizationId, id) : null;
  return key && toApiKey(key);
}
