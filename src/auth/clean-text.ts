export const maxTextLength = 255;

const pattern = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** 1 to 255 characters, no controls, not only spaces: fit for a name or an id in any table, log or terminal. */
export function isCleanText(value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value) && value.trim() !== '';
}
