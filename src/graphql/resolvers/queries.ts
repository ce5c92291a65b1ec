import { Arg, Args, Ctx, FieldResolver, ID, Query, Resolver } from 'type-graphql';
import type { AttachmentFilter } from '../../attachments/attachment-filter.js';
import { newestFirst } from '../../attachments/list-attachments.js';
import { toPrincipalId } from '../../auth/identify.js';
import { toPageRequest } from '../../database/page.js';
import { errorCodes, errorTable, Faults, isRetryable } from '../../errors.js';
import { checkName, checkRecord } from '../../model/record.js';
import { findAnywhere } from '../../model/stored-attachment.js';
import { findPolicy } from '../../policies/choose-policy.js';
import { readUsage } from '../../quotas/usage.js';
import { connectAttachments } from '../connect-attachments.js';
import type { GraphqlContext } from '../context.js';
import { findNodes } from '../find-nodes.js';
import { Attachment, AttachmentConnection, toAttachment } from '../types/attachment.js';
import { type ConnectionOf, Node } from '../types/connection.js';
import { Usage, ViewerType } from '../types/credentials.js';
import { AttachmentFilterInput, AttachmentOrderInput, PageArgs, RecordInput } from '../types/inputs.js';
import { ErrorCodeInfo } from '../types/payloads.js';
import { HostRecord, toHostRecord } from '../types/record.js';
import { toUploadPolicy, UploadPolicy } from '../types/upload.js';

@Resolver()
export class Queries {
  @Query(() => ViewerType, { description: 'The caller, as the credential says.' })
  viewer(@Ctx() { viewer }: GraphqlContext): ViewerType {
    return { ...viewer, permissions: [...viewer.permissions] };
  }

  @Query(() => [ErrorCodeInfo], { description: 'Everything that errors[].extensions.code can be.' })
  errorCodes(): ErrorCodeInfo[] {
    return errorCodes.map((code) => {
      const { status: httpStatus, message } = errorTable[code];
      return { code, httpStatus, message, retryable: isRetryable(code) };
    });
  }

  @Query(() => Node, {
    nullable: true,
    description:
      'The object of this id, of whichever type; null where there is none or the viewer may not see it.',
  })
  async node(
    @Arg('id', () => ID, { description: 'The id of any object.' }) id: string,
    @Ctx() context: GraphqlContext,
  ): Promise<Node | null> {
    const [found] = await findNodes(context, [id]);
    return found ?? null;
  }

  @Query(() => [Node], {
    nullable: 'items',
    description: 'At most 100, in the order asked for; null where node would be.',
  })
  nodes(
    @Arg('ids', () => [ID], { description: 'The ids of any objects.' }) ids: string[],
    @Ctx() context: GraphqlContext,
  ): Promise<(Node | null)[]> {
    return findNodes(context, ids);
  }

  @Query(() => Attachment, {
    nullable: true,
    description: 'In use or in the trash; null where there is none or the viewer may not see it.',
  })
  async attachment(
    @Arg('id', () => ID, { description: "The attachment's UUID, in either case." }) id: string,
    @Ctx() { reader, viewer, access }: GraphqlContext,
  ): Promise<Attachment | null> {
    const found = await access.view(await findAnywhere(reader, viewer, id));
    return found && toAttachment(found);
  }

  @Query(() => AttachmentConnection, {
    description:
      "The viewer's organization's, newest first by default: claimed or linked ones, and the viewer's own.",
  })
  async attachments(
    @Args(() => PageArgs) page: PageArgs,
    @Arg('filter', () => AttachmentFilterInput, {
      description: 'The conditions; null: none.',
      nullable: true,
    })
    filter: AttachmentFilterInput | null | undefined,
    @Arg('orderBy', () => AttachmentOrderInput, {
      description: 'The order; null: the newest first.',
      nullable: true,
    })
    orderBy: AttachmentOrderInput | null | undefined,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<Attachment>> {
    const faults = new Faults();
    if (filter?.record) checkRecord(faults, filter.record, ['filter', 'record']);
    const request = toPageRequest(page, faults);
    return connectAttachments(context, request, {
      filter: await toFilter(context, filter ?? {}),
      orderBy: orderBy ?? newestFirst,
      isTrash: filter?.deleted ?? false,
    });
  }

  @Query(() => HostRecord, {
    description:
      'A record of the host application. It needs no row here; its lists are empty if nothing was linked or claimed.',
  })
  record(
    @Arg('type', () => String, { description: 'The kind of record in the host application.' }) type: string,
    @Arg('id', () => ID, { description: 'The id in the host application.' }) id: string,
  ): HostRecord {
    const faults = new Faults();
    checkRecord(faults, { type, id }, []);
    faults.throwIfAny();
    return toHostRecord({ type, id });
  }

  @Query(() => [HostRecord], { description: 'At most 100, in the order asked for.' })
  records(
    @Arg('refs', () => [RecordInput], { description: 'The records.' }) refs: RecordInput[],
  ): HostRecord[] {
    const faults = new Faults();
    for (const [index, ref] of refs.entries()) checkRecord(faults, ref, ['refs', index]);
    faults.throwIfAny();
    return refs.map(toHostRecord);
  }

  @Query(() => UploadPolicy, { description: 'What an upload must satisfy, before it is tried.' })
  uploadPolicy(
    @Arg('recordType', () => String, {
      description: "The kind of record in the host application; null: the service's own default.",
      nullable: true,
    })
    recordType: string | null | undefined,
    @Arg('field', () => String, {
      description: "The name of the record's field; null: none.",
      nullable: true,
    })
    field: string | null | undefined,
    @Arg('policy', () => String, {
      description: 'The name of a policy; null: that of the record type and field.',
      nullable: true,
    })
    policy: string | null | undefined,
    @Ctx() { deps }: GraphqlContext,
  ): UploadPolicy {
    const query = { policy: policy ?? null, recordType: recordType ?? null, field: field ?? null };
    const faults = new Faults();
    if (query.recordType !== null) checkName(faults, query.recordType, ['recordType']);
    if (query.field !== null) checkName(faults, query.field, ['field']);
    faults.throwIfAny();
    return toUploadPolicy(deps, findPolicy(deps.policies, query));
  }
}

@Resolver(() => ViewerType)
export class ViewerFields {
  @FieldResolver(() => Usage, { description: 'The storage that the organization has taken, and may take.' })
  async usage(@Ctx() { deps, reader, viewer: { organizationId } }: GraphqlContext): Promise<Usage> {
    const usage = await readUsage(reader, organizationId);
    const bounds = await deps.quotas.boundsOf(organizationId);
    return { ...usage, maxBytes: bounds.bytes, maxAttachments: bounds.attachments };
  }
}

/** A condition given as null is none. */
async function toFilter(
  { reader, viewer }: GraphqlContext,
  { deleted: _, ...input }: Partial<AttachmentFilterInput>,
): Promise<AttachmentFilter> {
  const createdBy = input.createdBy && (await toPrincipalId(reader, viewer.organizationId, input.createdBy));
  const conditions = { ...input, createdBy: createdBy ?? null };
  return Object.fromEntries(Object.entries(conditions).filter(([, value]) => value !== null));
}
