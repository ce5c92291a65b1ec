import { type Authenticate, createAuthenticate, type Identify } from '../auth/authenticate.js';
import { createEnsureUser } from '../auth/ensure-user.js';
import { createIdentifyKey, createIdentifyToken } from '../auth/identify.js';
import { KeyRevocations } from '../auth/key-revocations.js';
import { createKeyUsage, type KeyUsage } from '../auth/key-usage.js';
import { createKnownKeys, type KnownKeys } from '../auth/known-keys.js';
import { type TokenFault, TokenRefusal } from '../auth/token-refusal.js';
import { createTokenVerifier } from '../auth/verify-token.js';
import type { Config } from '../config/config.js';
import type { Database } from '../database/database.js';
import type { Log } from './log.js';

export interface Identification {
  authenticate: Authenticate;
  keys: KnownKeys;
  revocations: KeyRevocations;
  usage: KeyUsage;
  openToKeys(): void;
}

interface IdentityDependencies {
  database: Database;
  clock: () => Date;
  log: Log;
}

/** Finds out who asks, by a key or a token, once `openToKeys` has been called. */
export function createIdentification(config: Config, deps: IdentityDependencies): Identification {
  const { database, clock, log } = deps;
  const onUsageLost = (err: unknown) => log.warn({ err }, 'use of keys not noted');
  const usage = createKeyUsage({ database, clock, onUsageLost });
  const revocations = new KeyRevocations();
  const keys = createKnownKeys({ database, clock, revocations });
  const identifyKey = createIdentifyKey({ keys, usage });
  const identifyToken = identifyTokens(config, deps);
  const { isOpen, openToKeys } = keyGate();
  const tellRefusal = createRefusalLog(log);
  const authenticate = createAuthenticate({ identifyKey, identifyToken });
  return {
    authenticate: async (authorization) => {
      await isOpen;
      return authenticate(authorization).catch((error: unknown) => {
        if (error instanceof TokenRefusal) tellRefusal(error);
        throw error;
      });
    },
    keys,
    revocations,
    usage,
    openToKeys,
  };
}

const refusalIntervalMs = 60_000;

/** Logs why tokens are refused, each reason once a minute with how often it came since: whoever sends bad ones writes no log. */
function createRefusalLog(log: Pick<Log, 'info'>): (refusal: TokenRefusal) => void {
  const told = new Map<TokenFault, { at: number; since: number }>();
  return ({ fault, reason }) => {
    const { at, since } = told.get(fault) ?? { at: Number.NEGATIVE_INFINITY, since: 0 };
    const now = performance.now();
    const isDue = now - at >= refusalIntervalMs;
    told.set(fault, isDue ? { at: now, since: 0 } : { at, since: since + 1 });
    if (isDue) log.info({ fault, reason, alsoSinceThen: since }, 'a token was refused');
  };
}

/** The service listens before the first key is made: credentials that come in between wait, instead of being refused. */
function keyGate(): { isOpen: Promise<void>; openToKeys(): void } {
  let openToKeys = () => {};
  const isOpen = new Promise<void>((resolve) => {
    openToKeys = resolve;
  });
  return { isOpen, openToKeys };
}

/** Null where no tokens are taken. */
function identifyTokens({ jwt }: Config, { database, clock, log }: IdentityDependencies): Identify | null {
  if (jwt === null) return null;
  const onKeysUnusable = (err: unknown) => log.warn({ err }, 'no keys to verify tokens with');
  const verify = createTokenVerifier(jwt, { clock, onKeysUnusable });
  const meet = createEnsureUser({
    database,
    clock,
    createOrganizations: jwt.createOrganizations,
    onOrganizationMade: (organizationId) => log.info({ organizationId }, 'a token has made an organization'),
  });
  return createIdentifyToken({ verify, meet, clock });
}
