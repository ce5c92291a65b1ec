import type { FastifyInstance } from 'fastify';
import { createFirstApiKey, type FirstApiKey } from './auth/manage-api-keys.js';
import { type Config, ConfigError } from './config/config.js';
import { createServer } from './http/server.js';
import { Turns } from './limits/turns.js';
import { systemCode } from './storage/storage.js';
import { createHandlers, startRepeatedWork } from './wiring/background-work.js';
import { assertFolders, closeDataToOthers } from './wiring/private-data.js';
import { addRoutes } from './wiring/routes.js';
import { type AppParts, createServices } from './wiring/services.js';

export type { AppParts };

/** How requests reach the service. */
export interface Entrance {
  /** The address that this process listens on. */
  address: string;
  /** The base of the URLs handed out. */
  publicUrl: string;
  firstApiKey: FirstApiKey;
}

export interface App {
  /**
   * Accepts requests from now on. Then makes the first API key if there is none, so that a start that cannot listen makes
   * none. Throws ConfigError, naming the setting, where it cannot listen.
   */
  listen(): Promise<Entrance>;
  /** Scans, delivers and cleans from now on. Any number of processes may do so on the same rows. */
  work(): Promise<void>;
  /** Lets running requests finish, within the configured time, and stops. */
  close(): Promise<void>;
}

/** The one place where things are wired. */
export async function createApp(config: Config, parts: AppParts = {}): Promise<App> {
  // All work of clients shares the event loop.
  const turns = new Turns();
  const server = await createServer({ ...config, turns, logStream: parts.logStream ?? process.stderr });
  let publicUrl = config.publicUrl ?? '';
  for (const { given, meant } of config.misspelled) {
    server.log.warn(`${given} is no setting: is ${meant} meant?`);
  }
  await assertFolders(config);
  const stopClosing = await closeDataToOthers(config, server.log);
  const services = await createServices(config, parts, server.log, () => publicUrl);
  const {
    database,
    jobs,
    hasher,
    renderer,
    pictures,
    stopRelay,
    usage,
    recordAuthorizer,
    downloads,
    closeLimits,
  } = services;
  const apollo = await addRoutes(server, config, { ...services, turns });
  let stopRepeatedWork = async () => {};

  return {
    listen: async () => {
      const address = await bind(server, config);
      publicUrl ||= address;
      // A process that only works makes no key: nobody would see it.
      const firstApiKey = await createFirstApiKey(services, config.bootstrapApiKey);
      services.openToKeys();
      return { address, publicUrl, firstApiKey };
    },
    work: async () => {
      stopRepeatedWork = startRepeatedWork(services);
      await jobs.work(createHandlers(services));
    },
    close: async () => {
      await closeServer(server, config.shutdownTimeoutMs);
      await jobs.stop(config.shutdownTimeoutMs);
      const stopped = stopRepeatedWork();
      await renderer.close();
      await pictures.close();
      await stopped;
      await apollo.stop();
      await hasher.close();
      await usage.close();
      await downloads.close();
      await recordAuthorizer.close();
      await closeLimits();
      await stopClosing();
      await stopRelay();
      await database.close();
    },
  };
}

/** The setting to blame for each fault of listening on an address. */
const bindFaults: Readonly<Record<string, (address: string) => string>> = {
  EADDRINUSE: (address) => `PORT: another program listens on ${address}`,
  EACCES: (address) => `PORT: this user may not listen on ${address}`,
  EADDRNOTAVAIL: (address) => `HOST: ${address} is no address of this machine`,
  ENOTFOUND: (address) => `HOST: the name in ${address} is not known`,
};

async function bind(server: FastifyInstance, { host, port }: Config): Promise<string> {
  try {
    return await server.listen({ host, port });
  } catch (error) {
    const code = systemCode(error);
    if (code === null) throw error;
    const address = `${host}:${port}`;
    const fault = bindFaults[code]?.(address) ?? `HOST: the system does not listen on ${address} (${code})`;
    throw new ConfigError([fault], { cause: error });
  }
}

/** Stops accepting, waits for requests under way, and cuts those off that take longer than `timeoutMs`. */
async function closeServer(server: FastifyInstance, timeoutMs: number): Promise<void> {
  const timer = setTimeout(() => server.server.closeAllConnections(), timeoutMs);
  await server.close();
  clearTimeout(timer);
}
