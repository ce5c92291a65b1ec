import { AttachmentRow, AttachmentVersionRow, TrashedAttachmentRow } from './attachment.js';
import { BlobRow, PictureRow, RejectionRow, ReleaseRow } from './blob.js';
import { JobRow } from './job.js';
import {
  ApiKeyRow,
  AuditEventRow,
  OrganizationRow,
  PrincipalRow,
  QuotaRow,
  ReservationRow,
} from './organization.js';
import { LinkRow, RecordFieldRow, ShareLinkRow } from './record-field.js';
import { IntakeRow, RemovalRow, ScrubRow, SweepRow, SweptKeyRow } from './stored-bytes.js';
import { IdempotencyKeyRow, UploadTargetRow } from './upload-target.js';
import { WebhookDeliveryRow, WebhookEndpointRow, WebhookSubscriptionRow } from './webhook.js';

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
