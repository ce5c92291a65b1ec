const reasons = {
  'work in the background is done for every organization alike, on rows that no client names': [
    'src/cleaning/clean-up.ts dropUnusedTargets',
    'src/cleaning/list-due.ts expiredAttachments',
    'src/cleaning/list-due.ts expiredTrash',
    'src/cleaning/list-due.ts outlivedEvents',
    'src/cleaning/list-due.ts outlivedKeys',
    'src/cleaning/list-due.ts outlivedLinks',
    'src/cleaning/list-due.ts unusedTargets',
    'src/cleaning/clean-up.ts drop',
    'src/cleaning/clean-up.ts forgetDeliveries',
    'src/cleaning/list-due.ts outlivedDeliveries',
    'src/cleaning/sweep-storage.ts removeUnfinished',
    'src/quotas/reservations.ts #renew',
    'src/quotas/usage.ts foldUsage',
    'src/quotas/reservations.ts dropDead',
    'src/verdicts/record-verdict.ts writeVerdict',
    'src/verdicts/scan-blob.ts createScanBlob',
    'src/cleaning/verify-blobs.ts verifyBlobs',
    'src/auth/key-usage.ts writeUses',
    'src/webhooks/deliver.ts createDeliverWebhook',
    'src/webhooks/settle-delivery.ts settleDelivery',
    'src/webhooks/settle-delivery.ts giveUpDelivery',
    'src/webhooks/settle-delivery.ts postponeDelivery',
    'src/webhooks/settle-delivery.ts endSubscription',
    'src/webhooks/settle-delivery.ts dropIfForgotten',
  ],
  'the credential itself names the row: a key by its hash, a signed id, a token': [
    'src/intake/receive.ts receiveUpload',
    'src/sharing/use-share-link.ts findShared',
    'src/intake/resumable.ts findUpload',
  ],
  'read by ids and held against the viewer or the signature right after, since SQLite would otherwise walk the organization':
    ['src/model/stored-attachment.ts readStored'],
  'the query that says which organization is composed elsewhere': [
    'src/attachments/list-attachments.ts readAmong',
    'src/model/stored-attachment.ts readStoredAmong',
  ],
  'ids that have just been linked in the name of the viewer; nothing but an id comes out': [
    'src/verdicts/verdict-watch.ts #pendingAmong',
  ],
  'what goes with an attachment or a field whose organization has been asked for': [
    'src/model/changes.ts readPlaces',
    'src/links/change-links.ts removeLinks',
    'src/links/unlink-everywhere.ts unlinkFromField',
    'src/attachments/delete-rows.ts deleteRows',
    'src/model/unused-blobs.ts deleteUnusedBlobs',
    'src/model/unused-blobs.ts deleteUnused',
    'src/model/versions.ts readVersionRows',
    'src/model/versions.ts deleteVersions',
    'src/webhooks/create-webhooks.ts forgetWebhooks',
  ],
  'an id that this request has made itself': [
    'src/intake/discard-intake.ts discardIntake',
    'src/quotas/reservations.ts delete',
  ],
  'the first start asks whether there is any key at all': ['src/auth/first-api-key.ts createFirstApiKey'],
};

/** Each place that may ask for rows without naming an organization, and why. */
export const unscopedQueries: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(reasons).flatMap(([reason, places]) => places.map((place) => [place, reason])),
);
