import { createHmac, timingSafeEqual } from 'node:crypto';

/** Tokens that let whoever has one store one object, in place of a credential: `<id of the target>.<signature>`. */
export interface UploadTokens {
  issue(targetId: string): string;
  /** The target's id; null for whatever `issue` has not made. Never throws. */
  verify(token: string): string | null;
}

/** The first secret signs, every one verifies. */
export function createUploadTokens(secrets: readonly [string, ...string[]]): UploadTokens {
  const sign = (secret: string, targetId: string) =>
    createHmac('sha256', secret).update(`upload-target\n${targetId}`).digest();
  return {
    issue: (targetId) => `${targetId}.${sign(secrets[0], targetId).toString('base64url')}`,
    verify: (token) => {
      const [targetId = '', signature = '', ...rest] = token.split('.');
      const given = Buffer.from(signature, 'base64url');
      const good = secrets.some((secret) => {
        const expected = sign(secret, targetId);
        return given.length === expected.length && timingSafeEqual(given, expected);
      });
      // A signature has one spelling.
      const isPlain = given.toString('base64url') === signature;
      return good && isPlain && rest.length === 0 ? targetId : null;
    },
  };
}
