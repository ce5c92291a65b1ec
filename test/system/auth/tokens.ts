import { type JWTHeaderParameters, SignJWT } from 'jose';
import type { IssuerKey } from './jwks-server.js';

export const secret = 'only for tests: 32 bytes and more';
export const secretKey = new TextEncoder().encode(secret);
export const issuer = 'https://issuer.example';
export const audience = 'claimcheck';

export const seconds = (from: number) => Math.floor(Date.now() / 1_000) + from;

/** The claims of a good token; undefined takes one away. */
export function claims(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: issuer,
    aud: audience,
    sub: 'ada',
    org: 'org-a',
    name: 'Ada',
    permissions: ['attachments:read', 'attachments:write'],
    exp: seconds(300),
    ...changes,
  };
}

export function sign(
  payload: Record<string, unknown> = claims(),
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg: 'HS256', ...header }).sign(secretKey);
}

export function signWith(
  { privateKey, alg, kid }: IssuerKey,
  payload: Record<string, unknown> = claims(),
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg, kid, ...header }).sign(privateKey);
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token put together by hand, from any parts. */
export const joined = (header: unknown, payload: unknown, signature: string) =>
  `${encode(header)}.${encode(payload)}.${signature}`;
