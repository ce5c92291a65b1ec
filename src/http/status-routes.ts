import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { NetworkRate } from '../limits/networks.js';
import { admitAnonymous } from './admit-request.js';

/** Each check is named, and throws if its part does not work. */
export type Checks = Record<string, () => Promise<unknown>>;

/** A check that takes longer, in milliseconds, has failed. */
const longestMs = 3_000;
/** How long an answer stands, in milliseconds. Anybody may ask, and each look writes to the database and the storage. */
const freshMs = 1_000;
const retryAfterSeconds = 5;
/** A cache in front would tell for minutes how the service was. */
const headers = { 'cache-control': 'no-store' };

/**
 * GET /health/live: the process answers. GET /health/ready: it can do its work, or 503 with the names of what cannot. Those who
 * ask within a second share one look.
 */
export function registerHealth(server: FastifyInstance, checks: Checks): void {
  const parts = Object.entries(checks).map(([name, check]) => ({ name, part: new WatchedPart(check) }));
  let latest: Promise<string[]> | null = null;
  const look = async (log: FastifyBaseLogger) => {
    const failing = await findFailing(parts, log);
    setTimeout(() => {
      latest = null;
    }, freshMs).unref();
    return failing;
  };
  server.get('/health/live', async (_request, reply) => {
    reply.headers(headers);
    return { status: 'ok' };
  });
  server.get('/health/ready', async (request, reply) => {
    reply.headers(headers);
    latest ??= look(request.log);
    const failing = await latest;
    if (failing.length === 0) return { status: 'ok' };
    reply.header('retry-after', retryAfterSeconds);
    return reply.code(503).send({ status: 'unavailable', failing });
  });
}

async function findFailing(
  parts: readonly { name: string; part: WatchedPart }[],
  log: FastifyBaseLogger,
): Promise<string[]> {
  const works = await Promise.all(
    parts.map(async ({ name, part }) => {
      try {
        await part.check();
        return true;
      } catch (err) {
        log.error({ err, check: name }, 'not ready');
        return false;
      }
    }),
  );
  return parts.filter((_, index) => !works[index]).map(({ name }) => name);
}

/** A check with a time limit. One that hangs is not begun again before it has ended. */
class WatchedPart {
  readonly #check: () => Promise<unknown>;
  #running: Promise<unknown> | null = null;

  constructor(check: () => Promise<unknown>) {
    this.#check = check;
  }

  async check(): Promise<void> {
    this.#running ??= Promise.resolve()
      .then(this.#check)
      .finally(() => {
        this.#running = null;
      });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`No answer in ${longestMs} ms.`)), longestMs);
    });
    try {
      await Promise.race([this.#running, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * Adds `GET /metrics`, open to everybody: what it says is of the service as a whole, never of a tenant. Whoever asks while it is
 * made gets the same.
 */
export function registerMetrics(
  server: FastifyInstance,
  anonymous: NetworkRate | null,
  scrape: () => Promise<{ contentType: string; text: string }>,
): void {
  let making: ReturnType<typeof scrape> | null = null;
  server.get('/metrics', async (request, reply) => {
    await admitAnonymous(anonymous, request, reply);
    making ??= scrape().finally(() => {
      making = null;
    });
    const { contentType, text } = await making;
    return reply.header('cache-control', 'no-store').type(contentType).send(text);
  });
}

/** Seconds for which a verifier may keep the keys. */
const maxAge = 300;

/** Adds `GET /.well-known/jwks.json`, open to everybody: the public keys of receipts as a JWK set (RFC 7517). */
export function registerReceiptKeys(
  server: FastifyInstance,
  anonymous: NetworkRate | null,
  keys: readonly object[],
): void {
  server.get('/.well-known/jwks.json', async (request, reply) => {
    await admitAnonymous(anonymous, request, reply);
    return reply.header('cache-control', `public, max-age=${maxAge}`).send({ keys });
  });
}
