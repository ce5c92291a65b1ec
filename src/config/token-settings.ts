import { z } from 'zod';

/** Settings of JSON Web Tokens, from the environment. */
export const tokenSettings = {
  JWT_SECRET: z
    .string()
    .refine((secret) => Buffer.byteLength(secret) >= 32, 'must have at least 32 bytes')
    .optional()
    .describe('Verifies JSON Web Tokens signed with HS256; default: off.'),
  JWT_JWKS_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .optional()
    .describe(
      'Public keys that verify JSON Web Tokens signed with RS256, PS256, ES256 or EdDSA; default: off.',
    ),
  JWT_ISSUER: z.string().min(1).optional().describe('Issuer that tokens must name; default: any.'),
  JWT_AUDIENCE: z.string().min(1).optional().describe('Audience that tokens must name; default: any.'),
  JWT_CREATE_ORGANIZATIONS: z
    .enum(['true', 'false'])
    .optional()
    .describe(
      'Whether a token makes the organization that it names, if there is none: true or false; default: only with the embedded database.',
    ),
} as const;

const schema = z.object(tokenSettings);

type TokenSettings = z.infer<typeof schema> & { DATABASE_URL?: string | undefined };

/** How JSON Web Tokens are verified; null where none are taken. */
export function shapeTokens(env: TokenSettings) {
  const { JWT_CREATE_ORGANIZATIONS: create = String(env.DATABASE_URL === undefined) } = env;
  const rest = {
    issuer: env.JWT_ISSUER ?? null,
    audience: env.JWT_AUDIENCE ?? null,
    createOrganizations: create === 'true',
  };
  if (env.JWT_SECRET !== undefined) return { key: { secret: env.JWT_SECRET }, ...rest };
  return env.JWT_JWKS_URL === undefined ? null : { key: { jwksUrl: env.JWT_JWKS_URL }, ...rest };
}

/** Faults of several settings together. */
export function tokenFaults(env: Readonly<Record<string, string | undefined>>): string[] {
  if (!env['JWT_SECRET'] || !env['JWT_JWKS_URL']) return [];
  return ['JWT_SECRET: must not be given together with JWT_JWKS_URL'];
}
