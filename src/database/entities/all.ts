import { ApiKeyRow } from './api-key.js';
import { AttachmentRow, TrashedAttachmentRow } from './attachment.js';
import { AttachmentVersionRow } from './attachment-version.js';
import { AuditEventRow } from './audit-event.js';
import { BlobRow } from './blob.js';
import { IntakeRow, RemovalRow, ScrubRow, SweepRow, SweptKeyRow } from './cleaning.js';
import { IdempotencyKeyRow } from './idempotency-key.js';
import { JobRow } from './job.js';
import { OrganizationRow, PrincipalRow } from './organization.js';
import { PictureRow } from './picture.js';
import { QuotaRow, ReservationRow } from './quota.js';
import { LinkRow, RecordFieldRow } from './record-field.js';
import { ShareLinkRow } from './share-link.js';
import { UploadTargetRow } from './upload-target.js';
import { RejectionRow, ReleaseRow } from './verdict.js';
import { WebhookDeliveryRow } from './webhook-delivery.js';
import { WebhookEndpointRow } from './webhook-endpoint.js';
import { WebhookSubscriptionRow } from './webhook-subscription.js';

/** Every table of the service. */
export const entities = [
  OrganizationRow,
  PrincipalRow,
  ApiKeyRow,
  BlobRow,
  AttachmentRow,
  TrashedAttachmentRow,
  AttachmentVersionRow,
  RecordFieldRow,
  LinkRow,
  IntakeRow,
  JobRow,
  PictureRow,
  RejectionRow,
  ReleaseRow,
  RemovalRow,
  ScrubRow,
  SweepRow,
  IdempotencyKeyRow,
  SweptKeyRow,
  UploadTargetRow,
  WebhookDeliveryRow,
  WebhookSubscriptionRow,
  AuditEventRow,
  ShareLinkRow,
  QuotaRow,
  ReservationRow,
  WebhookEndpointRow,
];
