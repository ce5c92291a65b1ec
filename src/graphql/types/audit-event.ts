import { Field, ID, InputType, ObjectType, registerEnumType } from 'type-graphql';
import type { AuditFilter } from '../../audit/list-events.js';
import { type AuditAction as Action, auditActions } from '../../audit/record-event.js';
import type { AuditEventRow } from '../../database/entities/audit-event.js';
import { connectionType } from './connection.js';
import { DateTime, JsonObject } from './scalars.js';

const AuditAction = Object.fromEntries(auditActions.map((action) => [action, action])) as {
  [Name in Action]: Name;
};
registerEnumType(AuditAction, {
  name: 'AuditAction',
  valuesConfig: {
    ATTACHMENT_DOWNLOADED: {
      description: 'Once for each principal or signed URL, attachment and day, in UTC.',
    },
    ATTACHMENT_PURGED: { description: 'Deleted by the service, since it had expired.' },
  },
});

const optional = { nullable: true } as const;

@ObjectType({ description: 'What somebody did.', simpleResolvers: true })
export class AuditEvent {
  principalId!: string | null;

  @Field(() => ID)
  id!: string;

  @Field(() => AuditAction)
  action!: Action;

  @Field(() => ID, { ...optional, description: 'It may be gone by now.' })
  attachmentId!: string | null;

  @Field(() => ID, optional)
  apiKeyId!: string | null;

  @Field(() => JsonObject, { ...optional, description: 'Depends on the action; may grow.' })
  details!: object | null;

  @Field(() => DateTime)
  createdAt!: Date;
}

export const AuditEventConnection = connectionType('AuditEvent', AuditEvent);

/** The one place that decides what of an event leaves. */
export function toAuditEvent({ id, action, subjectId, ...row }: AuditEventRow): AuditEvent {
  const isOfKey = action.startsWith('API_KEY_');
  const { principalId, details, createdAt } = row;
  return Object.assign(new AuditEvent(), {
    id,
    action: action as Action,
    attachmentId: isOfKey ? null : subjectId,
    apiKeyId: isOfKey ? subjectId : null,
    principalId,
    details,
    createdAt,
  });
}

@InputType('AuditFilter', { description: 'Every condition that is given must hold.' })
export class AuditFilterInput implements AuditFilter {
  @Field(() => [AuditAction], { ...optional, description: 'Any of these.' })
  action?: Action[] | null;

  @Field(() => ID, optional)
  attachmentId?: string | null;

  @Field(() => ID, optional)
  principalId?: string | null;

  @Field(() => DateTime, { ...optional, description: 'Later than this.' })
  after?: Date | null;

  @Field(() => DateTime, { ...optional, description: 'Earlier than this.' })
  before?: Date | null;
}
