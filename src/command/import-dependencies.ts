import type { ImportAttachmentDependencies } from '../attachments/import-attachment.js';
import type { Config } from '../config/config.js';
import type { IntakeDependencies } from '../intake/from-stream.js';
import { createHasher } from '../intake/hash-content.js';
import { IntakeLeases } from '../intake/intake-leases.js';
import { MarkdownRenderer } from '../markdown/markdown-renderer.js';
import { Changes } from '../model/changes.js';
import { loadPolicies } from '../policies/load-policies.js';
import { Quotas } from '../quotas/quotas.js';
import { Reservations } from '../quotas/reservations.js';
import { createScanner } from '../scanner/create-scanner.js';
import { createMemoryStorage } from '../storage/memory.js';
import { resolveName } from '../webhooks/address-guard.js';
import { createWebhooks } from '../webhooks/create-webhooks.js';
import { silentLog } from '../wiring/log.js';
import {
  configuredInlining,
  openConfiguredDatabase,
  openConfiguredJobs,
  openConfiguredStorage,
} from '../wiring/open-stores.js';
import { relayConfiguredChanges } from '../wiring/relay-changes.js';

export type ImportDependencies = ImportAttachmentDependencies & IntakeDependencies;

/** Runs work with what an import stands on, and ends that. With `isDry` bytes stay in memory, and no room is made for them. */
export async function withImportDependencies<T>(
  config: Config,
  isDry: boolean,
  work: (deps: ImportDependencies) => Promise<T>,
): Promise<T> {
  const database = await openConfiguredDatabase(config);
  const { clock } = database;
  const changes = new Changes();
  const stopRelay = await relayConfiguredChanges(config, { changes }, silentLog);
  const jobs = await openConfiguredJobs(config, { database, clock, log: silentLog });
  const renderer = new MarkdownRenderer();
  const hasher = createHasher();
  const reservations = new Reservations(database);
  const { gracePeriodMs, unlinkedRetentionMs, quotaDefaults } = config;
  const quotas = new Quotas({ database, clock, reservations, quotaDefaults });
  try {
    return await work({
      ...{ database, clock, changes, jobs, renderer, hasher, gracePeriodMs, unlinkedRetentionMs },
      storage: isDry ? createMemoryStorage() : await openConfiguredStorage(config, database),
      policies: await loadPolicies(config.policiesFile, config.maxFileSize),
      scanner: createScanner(config.scanner),
      webhooks: createWebhooks({ ...config, jobs, resolveName }),
      leases: isDry ? { hold: () => {}, release: async () => {} } : new IntakeLeases(database),
      inlining: configuredInlining(config),
      quotas: isDry ? { of: async () => null } : quotas,
    });
  } finally {
    await renderer.close();
    await hasher.close();
    await jobs.stop(0);
    await stopRelay();
    await database.close();
  }
}
