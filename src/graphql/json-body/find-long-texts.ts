/** A token, and where it was found. */
export interface FoundLongText {
  path: (string | number)[];
  token: string;
}

/** Finds the tokens of long texts in a value, such as the arguments of a field. */
export function findLongTexts(
  value: unknown,
  tokens: Pick<ReadonlyMap<string, unknown>, 'has' | 'size'>,
): FoundLongText[] {
  const found: FoundLongText[] = [];
  const path: (string | number)[] = [];
  const search = (part: unknown): void => {
    if (typeof part === 'string' && tokens.has(part)) found.push({ path: [...path], token: part });
    if (typeof part !== 'object' || part === null) return;
    for (const [key, member] of Object.entries(part)) {
      path.push(Array.isArray(part) ? Number(key) : key);
      search(member);
      path.pop();
    }
  };
  if (tokens.size > 0) search(value);
  return found;
}
