import { z } from 'zod';
import { integer } from './setting-formats.js';

const dayMs = 86_400_000;

/** Settings of how long things are kept, and how many. */
export const lifetimeSettings = {
  GRACE_PERIOD_MINUTES: integer('180', 1, 525_600).describe(
    'How long an unclaimed, unlinked attachment lives.',
  ),
  RESUMABLE_HOURS: integer('24', 1, 8_760).describe(
    'How long an unfinished upload by tus is kept after its last byte, and one in parts after its last hand-out.',
  ),
  RESUMABLE_MAX_HOURS: integer('168', 1, 8_760).describe(
    'How long an unfinished upload by tus is kept at most, whenever bytes come.',
  ),
  UNLINKED_RETENTION_DAYS: integer('30', 0, 36_500).describe(
    'How long one unlinked from its last field lives; 0 keeps it for good.',
  ),
  TRASH_DAYS: integer('0', 0, 36_500).describe(
    'How long a deleted attachment can be restored; 0 deletes at once.',
  ),
  MAX_VERSIONS: integer('10', 1, 1_000).describe(
    'Contents kept of an attachment, the current one included; 1 keeps no earlier one.',
  ),
  WEBHOOK_PAUSE_DAYS: integer('5', 0, 365).describe(
    'A webhook endpoint that nothing was delivered to for so long, though tried, is paused; 0 never pauses it.',
  ),
  WEBHOOK_RETENTION_DAYS: integer('30', 1, 36_500).describe(
    'How long deliveries of webhook endpoints can be seen and sent again.',
  ),
  SCRUB_DAYS: integer('30', 0, 3_650).describe(
    'Stored bytes are read again within so many days, to find damage; 0 is off.',
  ),
  SCRUB_MIB_PER_SECOND: integer('10', 1, 10_000).describe(
    'MiB a second that are read again at most, by all processes together.',
  ),
  AUDIT_RETENTION_DAYS: integer('365', 0, 36_500).describe(
    'How long it is remembered who did what; 0 keeps it for good.',
  ),
} as const;

const schema = z.object(lifetimeSettings);

/** The same as the rest of the program uses them, durations in milliseconds. */
export function shapeLifetimes(env: z.infer<typeof schema>) {
  return {
    gracePeriodMs: env.GRACE_PERIOD_MINUTES * 60_000,
    resumableMs: env.RESUMABLE_HOURS * 3_600_000,
    resumableMaxMs: env.RESUMABLE_MAX_HOURS * 3_600_000,
    unlinkedRetentionMs: env.UNLINKED_RETENTION_DAYS * dayMs,
    trashMs: env.TRASH_DAYS * dayMs,
    maxVersions: env.MAX_VERSIONS,
    webhookPauseMs: env.WEBHOOK_PAUSE_DAYS * dayMs,
    webhookRetentionMs: env.WEBHOOK_RETENTION_DAYS * dayMs,
    scrubMs: env.SCRUB_DAYS * dayMs,
    scrubBytesPerSecond: env.SCRUB_MIB_PER_SECOND * 2 ** 20,
    auditRetentionMs: env.AUDIT_RETENTION_DAYS * dayMs,
  };
}

export type Lifetimes = ReturnType<typeof shapeLifetimes>;
