import type { FastifyInstance } from 'fastify';
import { createFirstApiKey } from './auth/api-keys.js';
import type { Config } from './config.js';
import { createServer } from './http/server.js';
import { createHandlers, startCleaning } from './wiring/background-work.js';
import { addRoutes } from './wiring/routes.js';
import { type AppParts, createServices } from './wiring/services.js';

export type { AppParts };

export interface App {
  /** The first API key, where this start has made it; nobody can read it again. */
  readonly firstApiKey: string | null;
  /** Accepts requests from now on. Resolves with the base of the URLs handed out. */
  listen(): Promise<string>;
  /** Scans, delivers and cleans from now on. Any number of processes may do so on the same rows. */
  work(): Promise<void>;
  /** Lets running requests finish, within the configured time, and stops. */
  close(): Promise<void>;
}

/** The one place where things are wired. */
export async function createApp(config: Config, parts: AppParts = {}): Promise<App> {
  const server = await createServer({ ...config, logStream: parts.logStream ?? process.stderr });
  let publicUrl = config.publicUrl ?? '';
  const services = await createServices(config, parts, server.log, () => publicUrl);
  const { database, jobs, hasher, stopRelay, usage, recordAuthorizer, downloads, closeLimits } = services;
  const firstApiKey = await createFirstApiKey(services, config.bootstrapApiKey);
  const apollo = await addRoutes(server, config, services);
  let stopCleaning = async () => {};

  return {
    firstApiKey,
    listen: async () => {
      const address = await server.listen({ host: config.host, port: config.port });
      publicUrl ||= address;
      return publicUrl;
    },
    work: async () => {
      stopCleaning = startCleaning(services);
      await jobs.work(createHandlers(services));
    },
    close: async () => {
      await closeServer(server, config.shutdownTimeoutMs);
      await jobs.stop(config.shutdownTimeoutMs);
      await stopCleaning();
      await apollo.stop();
      await hasher.close();
      await usage.close();
      await downloads.close();
      await recordAuthorizer.close();
      await closeLimits();
      await stopRelay();
      await database.close();
    },
  };
}

/** Stops accepting, waits for requests under way, and cuts those off that take longer than `timeoutMs`. */
async function closeServer(server: FastifyInstance, timeoutMs: number): Promise<void> {
  const timer = setTimeout(() => server.server.closeAllConnections(), timeoutMs);
  await server.close();
  clearTimeout(timer);
}
