import { Foundation1763600000000 } from './1763600000000-foundation.js';
import { Jobs1763700000000 } from './1763700000000-jobs.js';
import { Webhooks1763700000001 } from './1763700000001-webhooks.js';
import { ApiKeys1763700000002 } from './1763700000002-api-keys.js';
import { Verdicts1763700000003 } from './1763700000003-verdicts.js';
import { Sweeps1763700000004 } from './1763700000004-sweeps.js';
import { AuditEvents1763700000005 } from './1763700000005-audit-events.js';
import { Acceptances1763700000006 } from './1763700000006-acceptances.js';
import { PartialIndexes1763700000007 } from './1763700000007-partial-indexes.js';
import { DescriptionHtml1763700000008 } from './1763700000008-description-html.js';
import { Intakes1763700000009 } from './1763700000009-intakes.js';
import { KeyPrefixes1763700000015 } from './1763700000015-key-prefixes.js';
import { BlobBodies1763700000021 } from './1763700000021-blob-bodies.js';
import { Names1763700000022 } from './1763700000022-names.js';
import { Charsets1763700000023 } from './1763700000023-charsets.js';
import { DescriptionFormats1763700000024 } from './1763700000024-description-formats.js';
import { UploadAttempts1763700000031 } from './1763700000031-upload-attempts.js';
import { ShareLinks1763700000041 } from './1763700000041-share-links.js';
import { UnfinishedOperations1763700000044 } from './1763700000044-unfinished-operations.js';
import { ResumableUploads1763700000051 } from './1763700000051-resumable-uploads.js';
import { Previews1763700000061 } from './1763700000061-previews.js';
import { Trash1763700000071 } from './1763700000071-trash.js';
import { Quotas1763700000081 } from './1763700000081-quotas.js';
import { Versions1763700000091 } from './1763700000091-versions.js';
import { WebhookEndpoints1763700000141 } from './1763700000141-webhook-endpoints.js';
import { PreviewRoom1763700000151 } from './1763700000151-preview-room.js';
import { UnusedTargets1763700000152 } from './1763700000152-unused-targets.js';
import { Scrubs1763700000161 } from './1763700000161-scrubs.js';

/** How the tables came to be, on every engine. */
export const migrations = [
  Foundation1763600000000,
  Jobs1763700000000,
  Webhooks1763700000001,
  ApiKeys1763700000002,
  Verdicts1763700000003,
  Sweeps1763700000004,
  AuditEvents1763700000005,
  Acceptances1763700000006,
  PartialIndexes1763700000007,
  DescriptionHtml1763700000008,
  Intakes1763700000009,
  KeyPrefixes1763700000015,
  BlobBodies1763700000021,
  Names1763700000022,
  Charsets1763700000023,
  DescriptionFormats1763700000024,
  UploadAttempts1763700000031,
  ShareLinks1763700000041,
  UnfinishedOperations1763700000044,
  ResumableUploads1763700000051,
  Previews1763700000061,
  Trash1763700000071,
  Quotas1763700000081,
  Versions1763700000091,
  WebhookEndpoints1763700000141,
  PreviewRoom1763700000151,
  UnusedTargets1763700000152,
  Scrubs1763700000161,
];
