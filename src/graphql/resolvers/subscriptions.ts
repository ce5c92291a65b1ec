import { Arg, ID, Resolver, Root, Subscription } from 'type-graphql';
import type { WatchTarget } from '../../attachments/watch-attachments.js';
import { type AttachmentError, Faults, fault } from '../../errors.js';
import { checkRecord, type RecordRef } from '../../model/record.js';
import type { StoredAttachment } from '../../model/stored-attachment.js';
import type { GraphqlContext } from '../context.js';
import { Attachment, toAttachment } from '../types/attachment.js';
import { RecordInput } from '../types/inputs.js';

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
