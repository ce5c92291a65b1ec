import { AttachmentError } from '../errors.js';
import { TokenRefusal } from './token-refusal.js';
import type { Viewer } from './viewer.js';

/** Turns an Authorization header into a viewer. Throws UNAUTHENTICATED for whatever is not a good credential; of a token it says why. */
export type Authenticate = (authorization: string) => Promise<Viewer>;

/** The viewer of a credential; null for a bad one. */
export type Identify = (credential: string) => Promise<Viewer | null>;

const keyPattern = /^(?:Basic|Bearer) +(cck_[\x21-\x7e]{1,256})$/i;
const tokenPattern = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i;
const maxTokenLength = 8_192;

/** Accepts `Basic <key>`, `Bearer <key>` and, where `identifyToken` is given, `Bearer <JSON Web Token>`. */
export function createAuthenticate(deps: {
  identifyKey: Identify;
  identifyToken: Identify | null;
}): Authenticate {
  return async (authorization) => {
    const viewer = await identify(deps, authorization);
    if (!viewer) throw new AttachmentError('UNAUTHENTICATED');
    return viewer;
  };
}

async function identify(
  { identifyKey, identifyToken }: Parameters<typeof createAuthenticate>[0],
  authorization: string,
): Promise<Viewer | null> {
  const key = keyPattern.exec(authorization)?.[1];
  if (key !== undefined) return identifyKey(key);
  if (!identifyToken || !/^Bearer /i.test(authorization)) return null;
  if (authorization.length > maxTokenLength) throw new TokenRefusal('token_too_long');
  const token = tokenPattern.exec(authorization)?.[1];
  if (token === undefined) throw new TokenRefusal('token_malformed');
  return identifyToken(token);
}
