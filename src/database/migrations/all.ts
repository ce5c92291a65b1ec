import { Foundation1763600000000 } from './1763600000000-foundation.js';
import {
  ApiKeys1763700000002,
  Jobs1763700000000,
  Sweeps1763700000004,
  Verdicts1763700000003,
  Webhooks1763700000001,
} from './1763700000000-jobs-to-sweeps.js';
import {
  Acceptances1763700000006,
  AuditEvents1763700000005,
  DescriptionHtml1763700000008,
  Intakes1763700000009,
  KeyPrefixes1763700000015,
  PartialIndexes1763700000007,
} from './1763700000005-audit-to-key-prefixes.js';
import {
  BlobBodies1763700000021,
  Charsets1763700000023,
  DescriptionFormats1763700000024,
  Names1763700000022,
  UploadAttempts1763700000031,
} from './1763700000021-bodies-to-upload-attempts.js';
import {
  Previews1763700000061,
  ResumableUploads1763700000051,
  ShareLinks1763700000041,
  UnfinishedOperations1763700000044,
} from './1763700000041-shares-to-previews.js';
import {
  Quotas1763700000081,
  Trash1763700000071,
  Versions1763700000091,
} from './1763700000071-trash-to-versions.js';
import {
  PreviewRoom1763700000151,
  Scrubs1763700000161,
  UnusedTargets1763700000152,
  WebhookEndpoints1763700000141,
} from './1763700000141-endpoints-to-scrubs.js';
import { IntakeLeases1763700000171 } from './1763700000171-intake-leases.js';
import { NarrowIndexes1763700000181 } from './1763700000181-narrow-indexes.js';
import { StatementTriggers1763700000182 } from './1763700000182-statement-triggers.js';
import { NoLinkPositions1763700000183 } from './1763700000183-no-link-positions.js';

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
  IntakeLeases1763700000171,
  NarrowIndexes1763700000181,
  StatementTriggers1763700000182,
  NoLinkPositions1763700000183,
];
