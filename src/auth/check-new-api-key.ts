import { Faults } from '../faults.js';
import { isCleanText, maxTextLength } from './clean-text.js';
import { type Permission, permissions } from './viewer.js';

/** What a key is to be called, may do, and until when; without an end where `expiresAt` is null. */
export interface NewApiKey {
  name: string;
  permissions: readonly string[];
  expiresAt: Date | null;
}

export const maxPermissions = 20;

/** Throws every fault of `input` at once; nobody can give a key a permission that is not in `givable`. */
export function checkNewApiKey(input: NewApiKey, givable: ReadonlySet<Permission>, now: Date): void {
  const faults = new Faults();
  if (!isCleanText(input.name)) {
    const msg = 'Must be 1 to 255 characters, without control characters.';
    faults.add('BAD_USER_INPUT', ['input', 'name'], 'invalid_name', msg, maxTextLength);
  }
  checkPermissions(faults, input.permissions, givable);
  if (input.expiresAt && !(input.expiresAt > now)) {
    faults.add('BAD_USER_INPUT', ['input', 'expiresAt'], 'not_in_future', 'Must lie in the future.');
  }
  faults.throwIfAny();
}

function checkPermissions(faults: Faults, names: readonly string[], givable: ReadonlySet<Permission>): void {
  if (names.length > maxPermissions) {
    const msg = `Must be at most ${maxPermissions} names.`;
    faults.add('BAD_USER_INPUT', ['input', 'permissions'], 'too_many', msg, maxPermissions);
    return;
  }
  for (const [index, name] of names.entries()) {
    const permission = permissions.find((known) => known === name);
    const loc = ['input', 'permissions', index];
    if (permission === undefined) {
      const msg = `Must be one of ${permissions.join(', ')}.`;
      faults.add('BAD_USER_INPUT', loc, 'unknown_permission', msg);
    } else if (!givable.has(permission)) {
      const msg = `The credential lacks the permission ${permission}, so it cannot give it to a key.`;
      faults.add('FORBIDDEN', loc, 'missing_permission', msg);
    }
  }
}
