import { ApiKeyRow } from './api-key.js';
import { AttachmentRow } from './attachment.js';
import { AuditEventRow } from './audit-event.js';
import { BlobRow } from './blob.js';
import { IdempotencyKeyRow } from './idempotency-key.js';
import { IntakeRow } from './intake.js';
import { JobRow } from './job.js';
import { LinkRow } from './link.js';
import { OrganizationRow } from './organization.js';
import { PrincipalRow } from './principal.js';
import { RecordFieldRow } from './record-field.js';
import { RejectionRow } from './rejection.js';
import { ReleaseRow } from './release.js';
import { RemovalRow } from './removal.js';
import { SweepRow } from './sweep.js';
import { SweptKeyRow } from './swept-key.js';
import { UploadTargetRow } from './upload-target.js';
import { WebhookDeliveryRow } from './webhook-delivery.js';
import { WebhookSubscriptionRow } from './webhook-subscription.js';

/** Every table of the service. */
export const entities = [
  OrganizationRow,
  PrincipalRow,
  ApiKeyRow,
  BlobRow,
  AttachmentRow,
  RecordFieldRow,
  LinkRow,
  IntakeRow,
  JobRow,
  RejectionRow,
  ReleaseRow,
  RemovalRow,
  SweepRow,
  IdempotencyKeyRow,
  SweptKeyRow,
  UploadTargetRow,
  WebhookDeliveryRow,
  WebhookSubscriptionRow,
  AuditEventRow,
];
