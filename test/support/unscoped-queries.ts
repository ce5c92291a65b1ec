const reasons = {
  'work in the background is done for every organization alike, on rows that no client names': [
    'src/attachments/drop-unused-targets.ts dropUnusedTargets',
    'src/attachments/list-due.ts expiredAttachments',
    'src/attachments/list-due.ts outlivedEvents',
    'src/attachments/list-due.ts outlivedKeys',
    'src/attachments/list-due.ts unusedTargets',
    'src/attachments/purge-expired.ts purgeExpired',
    'src/attachments/purge-expired.ts findExpired',
    'src/attachments/recall-creation.ts forgetCreations',
    'src/attachments/record-verdict.ts judge',
    'src/attachments/scan-blob.ts createScanBlob',
    'src/attachments/verify-blobs.ts verifyBlobs',
    'src/audit/purge-events.ts purgeEvents',
    'src/auth/key-usage.ts writeUses',
    'src/webhooks/deliver.ts createDeliverWebhook',
    'src/webhooks/settle-delivery.ts settleDelivery',
    'src/webhooks/settle-delivery.ts postponeDelivery',
    'src/webhooks/settle-delivery.ts endSubscription',
    'src/webhooks/settle-delivery.ts dropIfForgotten',
  ],
  'the credential itself names the row: a key by its hash, a signed id, a signed token': [
    'src/auth/known-keys.ts readKey',
    'src/attachments/find-download.ts findSigned',
    'src/attachments/receive-upload.ts receiveUpload',
  ],
  'read by ids and held against the viewer right after, since SQLite would otherwise walk the organization': [
    'src/attachments/stored-attachment.ts readAttachments',
  ],
  'ids that have just been linked in the name of the viewer; nothing but an id comes out': [
    'src/attachments/verdict-watch.ts #pendingAmong',
  ],
  'what goes with an attachment whose organization has been asked for': [
    'src/attachments/describe-changes.ts readPlaces',
    'src/attachments/read-fields.ts countLinks',
    'src/attachments/unlink-everywhere.ts unlinkFromField',
    'src/webhooks/forget-webhooks.ts forgetWebhooks',
  ],
  'an id that this request has made itself': ['src/attachments/discard-intake.ts discardIntake'],
  'the first start asks whether there is any key at all': ['src/auth/first-api-key.ts createFirstApiKey'],
};

/** Each place that may ask for rows without naming an organization, and why. */
export const unscopedQueries: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(reasons).flatMap(([reason, places]) => places.map((place) => [place, reason])),
);
