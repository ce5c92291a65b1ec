/** What is recorded. */
export const auditActions = [
  'ATTACHMENT_CREATED',
  'ATTACHMENT_CLAIMED',
  'ATTACHMENT_LINKED',
  'ATTACHMENT_UNLINKED',
  'ATTACHMENT_UPDATED',
  'ATTACHMENT_DOWNLOADED',
  'ATTACHMENT_RESCANNED',
  'ATTACHMENT_RELEASED',
  'ATTACHMENT_DELETED',
  'ATTACHMENT_PURGED',
  'API_KEY_CREATED',
  'API_KEY_REVOKED',
] as const;

export type AuditAction = (typeof auditActions)[number];
