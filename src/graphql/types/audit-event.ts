import { Field, ID, InputType, ObjectType, registerEnumType } from 'type-graphql';
import { type AuditAction as Action, type AuditFilter, auditActions } from '../../audit/audit-events.js';
import type { AuditEventRow } from '../../database/entities/organization.js';
import { connectionType, DateTime, JsonObject } from './connection.js';

const AuditAction = Object.fromEntries(auditActions.map((action) => [action, action])) as {
  [Name in Action]: Name;
};
registerEnumType(AuditAction, {
  name: 'AuditAction',
  valuesConfig: {
    API_KEY_CREATED: { description: 'Somebody made an API key.' },
    API_KEY_REVOKED: { description: 'Somebody ended an API key.' },
    ATTACHMENT_APPROVED: { description: 'The checks approved it.' },
    ATTACHMENT_CLAIMED: { description: 'A record claimed it. The details name the record.' },
    ATTACHMENT_CREATED: { description: 'Somebody uploaded or copied it.' },
    ATTACHMENT_DAMAGED: {
      description: 'Its stored bytes were found to be gone or changed. The details say how.',
    },
    ATTACHMENT_DELETED: {
      description: 'Somebody deleted it. The details say until when it can be restored, if it can.',
    },
    ATTACHMENT_LINKED: { description: 'A field took it up. The details name the record and the field.' },
    ATTACHMENT_REJECTED: { description: 'The checks rejected it. The details say why.' },
    ATTACHMENT_RELEASED: {
      description: 'An administrator overrode a rejection. The details hold the reason.',
    },
    ATTACHMENT_RESCANNED: { description: 'Somebody had it checked again.' },
    ATTACHMENT_TRANSFERRED: {
      description: 'It was given from one record to another. The details name both.',
    },
    ATTACHMENT_UNLINKED: { description: 'A field let go of it. The details name the record and the field.' },
    ATTACHMENT_UPDATED: {
      description:
        'Somebody changed its name, description or metadata. The details hold what was said before and after.',
    },
    ATTACHMENT_DOWNLOADED: {
      description:
        'Once for each principal, signed URL or share link, attachment and day, in UTC. The details name the link.',
    },
    ATTACHMENT_REPLACED: {
      description:
        'Somebody brought new content for it. The details say which version it is, once it is approved.',
    },
    ATTACHMENT_REPAIRED: { description: 'Its damaged bytes were found to be whole again.' },
    ATTACHMENT_RESTORED: { description: 'Somebody took it out of the trash.' },
    PRINCIPAL_ERASED: {
      description:
        'An operator erased a principal. The details name what stands in its place, and who wanted it.',
    },
    UPLOADS_DELETED: {
      description:
        'An erasure deleted uploads and idempotency keys of a principal. The details hold how many, and the pseudonym.',
    },
    SHARE_LINK_CREATED: { description: 'Somebody made a share link of it. The details name the link.' },
    SHARE_LINK_REVOKED: { description: 'Somebody ended a share link of it. The details name the link.' },
    ATTACHMENT_PURGED: { description: 'Deleted by the service, since it had expired.' },
    WEBHOOK_ENDPOINT_CREATED: { description: 'Somebody made a webhook endpoint.' },
    WEBHOOK_ENDPOINT_DELETED: { description: 'Somebody deleted a webhook endpoint.' },
    WEBHOOK_ENDPOINT_ENABLED: { description: 'Somebody enabled a paused webhook endpoint.' },
    WEBHOOK_ENDPOINT_PAUSED: {
      description: 'The service paused a webhook endpoint. The details say why.',
    },
    WEBHOOK_ENDPOINT_SECRET_ROTATED: { description: 'Somebody gave a webhook endpoint a new secret.' },
    WEBHOOK_ENDPOINT_UPDATED: { description: 'Somebody changed a webhook endpoint.' },
  },
  description: 'The kinds of events that the audit log holds. More may come.',
});

const optional = { nullable: true } as const;

@ObjectType({ description: 'What somebody did.', simpleResolvers: true })
export class AuditEvent {
  principalId!: string | null;

  @Field(() => ID, { description: 'UUID version 7. Later events have greater ids.' })
  id!: string;

  @Field(() => AuditAction, { description: 'The kind of event.' })
  action!: Action;

  @Field(() => ID, { ...optional, description: 'It may be gone by now.' })
  attachmentId!: string | null;

  @Field(() => ID, {
    nullable: true,
    description: 'The API key that the event is about; null for events of attachments.',
  })
  apiKeyId!: string | null;

  @Field(() => ID, {
    nullable: true,
    description: 'The webhook endpoint that the event is about, which may be gone; null for other events.',
  })
  webhookEndpointId!: string | null;

  @Field(() => JsonObject, { ...optional, description: 'Depends on the action; may grow.' })
  details!: object | null;

  @Field(() => DateTime, { description: 'The time of the event.' })
  createdAt!: Date;
}

export const AuditEventConnection = connectionType('AuditEvent', AuditEvent);

const ofPrincipals: readonly string[] = ['PRINCIPAL_ERASED', 'UPLOADS_DELETED'];

/** The one place that decides what of an event leaves. */
export function toAuditEvent({ id, action, subjectId, ...row }: AuditEventRow): AuditEvent {
  const isOfKey = action.startsWith('API_KEY_');
  const isOfEndpoint = action.startsWith('WEBHOOK_ENDPOINT_');
  const { principalId, details, createdAt } = row;
  return Object.assign(new AuditEvent(), {
    id,
    action: action as Action,
    attachmentId: isOfKey || isOfEndpoint || ofPrincipals.includes(action) ? null : subjectId,
    apiKeyId: isOfKey ? subjectId : null,
    webhookEndpointId: isOfEndpoint ? subjectId : null,
    principalId,
    details,
    createdAt,
  });
}

@InputType('AuditFilter', { description: 'Every condition that is given must hold.' })
export class AuditFilterInput implements AuditFilter {
  @Field(() => [AuditAction], { ...optional, description: 'Any of these.' })
  action?: Action[] | null;

  @Field(() => ID, { nullable: true, description: 'Only events about this attachment, which may be gone.' })
  attachmentId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Only events that this principal caused.' })
  principalId?: string | null;

  @Field(() => DateTime, { ...optional, description: 'Later than this.' })
  after?: Date | null;

  @Field(() => DateTime, { ...optional, description: 'Earlier than this.' })
  before?: Date | null;
}
