import { Arg, Args, Ctx, FieldResolver, ID, Query, Resolver, Root, Subscription } from 'type-graphql';
import type { WatchTarget } from '../../attachments/watch-attachments.js';
import { countEvents, listEvents } from '../../audit/audit-events.js';
import { toPrincipalId } from '../../auth/identify.js';
import { toPageRequest } from '../../database/page.js';
import { type AttachmentError, Faults, fault } from '../../errors.js';
import { checkRecord, type RecordRef } from '../../model/record.js';
import type { StoredAttachment } from '../../model/stored-attachment.js';
import type { GraphqlContext } from '../context.js';
import { Attachment, toAttachment } from '../types/attachment.js';
import { AuditEvent, AuditEventConnection, AuditFilterInput, toAuditEvent } from '../types/audit-event.js';
import { type ConnectionOf, connect } from '../types/connection.js';
import { Principal } from '../types/credentials.js';
import { PageArgs, RecordInput } from '../types/inputs.js';
import { loadPrincipal } from './load-principal.js';

interface ChangedArgs {
  attachmentId?: string | null;
  record?: RecordRef | null;
}

@Resolver()
export class Subscriptions {
  @Subscription(() => Attachment, {
    description: "Every change of status or place of one attachment, or of all of a record's.",
    subscribe: ({ args, context }: { args: ChangedArgs; context: GraphqlContext }) =>
      context.watch(readTarget(args)),
  })
  attachmentChanged(
    @Arg('attachmentId', () => ID, {
      description: 'The one attachment to watch. Exactly one of the two arguments is given.',
      nullable: true,
    })
    _attachmentId: string | null | undefined,
    @Arg('record', () => RecordInput, {
      description: 'The record to watch, with all that it claims or links to.',
      nullable: true,
    })
    _record: RecordInput | null | undefined,
    @Root() stored: StoredAttachment | undefined,
  ): Attachment {
    if (stored === undefined) throw overHttp();
    return toAttachment(stored);
  }
}

function readTarget({ attachmentId = null, record = null }: ChangedArgs): WatchTarget {
  const faults = new Faults();
  if ((attachmentId === null) === (record === null)) {
    for (const name of ['attachmentId', 'record']) {
      faults.add('exactly_one', [name], 'Give exactly one of attachmentId and record.');
    }
  }
  if (record) checkRecord(faults, record, ['record']);
  faults.throwIfAny();
  return record ? { record } : { attachmentId: attachmentId ?? '' };
}

function overHttp(): AttachmentError {
  const msg =
    'Subscriptions are served over WebSocket, by the protocol graphql-transport-ws, and as event streams at /graphql/stream.';
  return fault('transport', ['query'], msg, { message: msg });
}

@Resolver(() => AuditEvent)
export class Audit {
  @Query(() => AuditEventConnection, {
    description: "Who did what in the viewer's organization, the newest first.",
  })
  async auditLog(
    @Args(() => PageArgs) page: PageArgs,
    @Arg('filter', () => AuditFilterInput, { description: 'The conditions; null: none.', nullable: true })
    filter: AuditFilterInput | null | undefined,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<AuditEvent>> {
    const { organizationId } = context.viewer;
    const principalId =
      filter?.principalId && (await toPrincipalId(context.reader, organizationId, filter.principalId));
    const conditions = { ...filter, principalId };
    return connect(
      toPageRequest(page),
      (request) => context.list((read) => listEvents(read, organizationId, conditions, request)),
      toAuditEvent,
      () => context.list((read) => countEvents(read, organizationId, conditions)),
    );
  }

  @FieldResolver(() => Principal, {
    nullable: true,
    description: 'Null where it was the service, its operator, or whoever has a signed URL.',
  })
  async principal(
    @Root() { principalId: id }: AuditEvent,
    @Ctx() context: GraphqlContext,
  ): Promise<Principal | null> {
    return id === null ? null : loadPrincipal(context, id);
  }
}
