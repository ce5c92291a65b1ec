/**
 * Fields that cost more than others, in values: a count reads up to 10,000 rows, a URL is signed, a policy lists its types.
 * Every other field weighs one.
 */
const weights: Readonly<Record<string, number>> = {
  'ApiKeyConnection.totalCount': 1_000,
  'AttachmentConnection.totalCount': 1_000,
  'AttachmentLinkConnection.totalCount': 10,
  'AuditEventConnection.totalCount': 1_000,
  'WebhookDeliveryConnection.totalCount': 100,
  'Attachment.downloadUrl': 10,
  'RecordField.policy': 10,
  'Query.uploadPolicy': 10,
};

export function weightOf(typeName: string, fieldName: string): number {
  return weights[`${typeName}.${fieldName}`] ?? 1;
}
