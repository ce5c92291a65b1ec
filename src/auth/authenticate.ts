import { AttachmentError } from '../errors.js';
import type { Viewer } from './viewer.js';

/** Turns an Authorization header into a viewer. Throws UNAUTHENTICATED for whatever is not a good credential. */
export type Authenticate = (authorization: string) => Promise<Viewer>;

/** Whose a credential is, null for a bad one. */
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
  if (!identifyToken || authorization.length > maxTokenLength) return null;
  const token = tokenPattern.exec(authorization)?.[1];
  return token === undefined ? null : identifyToken(token);
}
