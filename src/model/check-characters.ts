import type { FaultDetail, Faults } from '../errors.js';

/** The first character that no engine gives back as it was: U+0000, or half of a surrogate pair. Null if there is none. */
export function characterFault(text: string): Omit<FaultDetail, 'loc'> | null {
  if (text.includes('\0')) return { type: 'nul_character', msg: 'The character U+0000 cannot be stored.' };
  if (/\p{Cs}/u.test(text)) return { type: 'lone_surrogate', msg: 'The text is not valid Unicode.' };
  return null;
}

/** Notes such a text at `loc`. */
export function checkCharacters(faults: Faults, text: string, loc: (string | number)[]): void {
  const fault = characterFault(text);
  if (fault) faults.add(fault.type, loc, fault.msg);
}
