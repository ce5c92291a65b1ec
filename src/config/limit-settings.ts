import { isIP } from 'node:net';
import * as z from 'zod';
import { parseWebhookPorts } from './integration-settings.js';
import { flag, integer, optionalInteger } from './setting-formats.js';

/** An IP address, alone or with the length of its network's prefix. */
function isNetwork(text: string): boolean {
  const [address = '', prefix = '1', ...rest] = text.split('/');
  const bits = { 4: 32, 6: 128 }[isIP(address)] ?? 0;
  return rest.length === 0 && /^[1-9]\d*$/.test(prefix) && Number(prefix) <= bits;
}

/** Settings of what one client may ask for, and how much of it. */
export const limitSettings = {
  RATE_LIMIT_PER_MINUTE: integer('300', 0, 1_000_000).describe(
    'Requests of one credential in a minute; 0 is off.',
  ),
  FAILED_LOGINS_PER_MINUTE: optionalInteger(0, 1_000_000).describe(
    'Bad credentials from one address in a minute; 0 is off; default: 100, or 0 where RATE_LIMIT_PER_MINUTE is 0.',
  ),
  ANONYMOUS_RATE_LIMIT_PER_MINUTE: optionalInteger(0, 1_000_000).describe(
    'Requests without a credential from one address in a minute; 0 is off; default: 300, or 0 where RATE_LIMIT_PER_MINUTE is 0.',
  ),
  TRUST_PROXY: z
    .string()
    .transform((list) => list.split(',').map((network) => network.trim()))
    .pipe(z.array(z.string().refine(isNetwork, 'must be IP addresses or networks such as 10.0.0.0/8')))
    .optional()
    .describe(
      'Addresses or networks of proxies whose X-Forwarded-For and X-Request-Id are believed, comma-separated; default: none.',
    ),
  MAX_CONCURRENT_UPLOADS: integer('100', 0, 1_000_000).describe(
    'Uploads of one credential under way at once, and 5 times as many of one organization; 0 is off.',
  ),
  MAX_UPLOAD_TARGETS: integer('10000', 0, 1_000_000).describe(
    'Upload targets of one principal that no attachment uses yet, and 5 times as many of one organization; 0 is off.',
  ),
  MAX_UPLOAD_TARGET_BYTES: integer('107374182400', 0, Number.MAX_SAFE_INTEGER).describe(
    'Bytes that these have together, and 5 times as many of one organization; one alone may have more; 0 is off.',
  ),
  MAX_CONCURRENT_DOWNLOADS: integer('100', 0, 1_000_000).describe(
    'Downloads of one credential, or by signed URLs from one address, under way at once; 0 is off.',
  ),
  MAX_CONNECTIONS_PER_ADDRESS: integer('2000', 0, 1_000_000).describe(
    'Connections of one address at once, WebSockets included; 0 is off. Those of TRUST_PROXY are not counted.',
  ),
  WEBHOOK_PORTS: z
    .string()
    .transform((list, context) => {
      const ports = parseWebhookPorts(list);
      if (ports) return ports;
      context.addIssue({ code: 'custom', message: 'must be ports or ranges of them such as 443,8000-8999' });
      return z.NEVER;
    })
    .optional()
    .describe(
      'Ports that webhooks may be sent to, comma-separated, such as 443,8000-8999; default: 80, 443 and those above 1023 but for well-known ones of databases and the like, or all with WEBHOOK_ALLOW_PRIVATE.',
    ),
  MAX_QUERY_TOKENS: integer('2000', 1, 1_000_000).describe('Lexical tokens of a GraphQL document.'),
  MAX_QUERY_DEPTH: integer('12', 1, 1_000).describe('Levels of fields in an operation.'),
  MAX_QUERY_ALIASES: integer('50', 0, 1_000_000).describe('Aliases in an operation.'),
  MAX_QUERY_COST: integer('250000', 1, 2 ** 40).describe('Values the answer to an operation may have.'),
  MAX_ANSWER_SIZE: integer('33554432', 1024, 2 ** 30).describe('Bytes the answer to an operation may have.'),
  QUOTA_BYTES: integer('0', 0, Number.MAX_SAFE_INTEGER).describe(
    'Bytes that an organization without a bound of its own may store; 0 is no bound.',
  ),
  QUOTA_ATTACHMENTS: integer('0', 0, Number.MAX_SAFE_INTEGER).describe(
    'Attachments that an organization without a bound of its own may have; 0 is no bound.',
  ),
  SHARE_LINKS: flag('true').describe('Whether share links may be made and used: true or false.'),
  INTROSPECTION: flag('true').describe('Whether clients may ask for the schema: true or false.'),
  SANDBOX: flag('true').describe('Whether GET /graphql shows browsers Apollo Sandbox: true or false.'),
  EXPLORER: flag('true').describe(
    'Whether GET /explorer is GraphiQL, from files of this package: true or false.',
  ),
  CONSOLE: flag('true').describe('Whether GET / is the console, or else JSON: true or false.'),
  FEDERATION: flag('false').describe(
    'Adds _service and _entities, for gateways of Apollo Federation 2: true or false.',
  ),
} as const;

const schema = z.object(limitSettings);
/** Nobody guesses a key, however often: this is for the database's sake. */
const usualFailedLogins = 100;
/** Enough for an office behind one address. */
const usualAnonymousRequests = 300;

/** The limits as the rest of the program uses them. 0 of the first six is off. */
export function shapeLimits(env: z.infer<typeof schema>) {
  return {
    requestsPerMinute: env.RATE_LIMIT_PER_MINUTE,
    failedLoginsPerMinute:
      env.FAILED_LOGINS_PER_MINUTE ?? (env.RATE_LIMIT_PER_MINUTE === 0 ? 0 : usualFailedLogins),
    anonymousRequestsPerMinute:
      env.ANONYMOUS_RATE_LIMIT_PER_MINUTE ?? (env.RATE_LIMIT_PER_MINUTE === 0 ? 0 : usualAnonymousRequests),
    maxConcurrentUploads: env.MAX_CONCURRENT_UPLOADS,
    unusedTargets: { count: env.MAX_UPLOAD_TARGETS, bytes: env.MAX_UPLOAD_TARGET_BYTES },
    maxConcurrentDownloads: env.MAX_CONCURRENT_DOWNLOADS,
    maxConnectionsOfAddress: env.MAX_CONNECTIONS_PER_ADDRESS,
    webhookPorts: env.WEBHOOK_PORTS ?? null,
    trustedProxies: env.TRUST_PROXY ?? [],
    queryLimits: {
      tokens: env.MAX_QUERY_TOKENS,
      depth: env.MAX_QUERY_DEPTH,
      aliases: env.MAX_QUERY_ALIASES,
      cost: env.MAX_QUERY_COST,
      bytes: env.MAX_ANSWER_SIZE,
    },
    quotaDefaults: { bytes: env.QUOTA_BYTES || null, attachments: env.QUOTA_ATTACHMENTS || null },
    shareLinks: env.SHARE_LINKS,
    introspection: env.INTROSPECTION,
    sandbox: env.SANDBOX,
    explorer: env.EXPLORER,
    console: env.CONSOLE,
    federation: env.FEDERATION,
  };
}

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

const lifetimes = z.object(lifetimeSettings);

/** These settings as the rest of the program uses them, durations in milliseconds. */
export function shapeLifetimes(env: z.infer<typeof lifetimes>) {
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
