import type { FastifyInstance } from 'fastify';
import { createFirstApiKey } from './auth/api-keys.js';
import type { Config } from './config.js';
import { createServer } from './http/server.js';
import { createHandlers, startCleaning } from './wiring/background-work.js';
import { addRoutes } from './wiring/routes.js';
import { type AppParts, createServices } from './wiring/services.js';

export type { AppParts };

/** How requests reach the service. */
export interface Entrance {
  /** Where this process listens. */
  address: string;
  /** The base of the URLs handed out. */
  publicUrl: string;
  /** The first API key, where this start has made it; nobody can read it again. */
  firstApiKey: string | null;
}

export interface App {
  /** Accepts requests from now on. */
  listen(): Promise<Entrance>;
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
  const apollo = await addRoutes(server, config, services);
  let stopCleaning = async () => {};

  return {
    listen: async () => {
      // Not by a process that only works: nobody would see it.
      const firstApiKey = await createFirstApiKey(services, config.bootstrapApiKey);
      const address = await server.listen({ host: config.host, port: config.port });
      publicUrl ||= address;
      return { address, publicUrl, firstApiKey };
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
