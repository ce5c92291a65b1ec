/** The text, or its first `limit` characters and how many it had. */
export function cutText(text: string, limit: number): string {
  return text.length > limit ? `${text.slice(0, limit)}… (${text.length} characters)` : text;
}
