import { Arg, Args, Ctx, ID, Query, Resolver } from 'type-graphql';
import type { AttachmentFilter } from '../../attachments/attachment-filter.js';
import { findPolicy } from '../../attachments/choose-policy.js';
import { checkRecord } from '../../attachments/record.js';
import { findAttachment } from '../../attachments/stored-attachment.js';
import { Faults } from '../../faults.js';
import { connectAttachments } from '../connect-attachments.js';
import type { GraphqlContext } from '../context.js';
import { findNode } from '../find-node.js';
import { Attachment, AttachmentConnection, toAttachment } from '../types/attachment.js';
import type { ConnectionOf } from '../types/connection.js';
import { AttachmentFilterInput, AttachmentOrderInput, PageArgs } from '../types/inputs.js';
import { Node } from '../types/node.js';
import { ViewerType } from '../types/principal.js';
import { RecordType } from '../types/record.js';
import { toUploadPolicy, UploadPolicy } from '../types/upload.js';

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
      filter: toFilter(filter ?? {}),
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
function toFilter(input: AttachmentFilterInput): AttachmentFilter {
  const faults = new Faults();
  if (input.record) checkRecord(faults, input.record, ['filter', 'record']);
  faults.throwIfAny();
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
}
