/** Text as HTML that shows it as it was typed: escaped, in one paragraph, with its line breaks. At most five times as long. */
export function plainHtml(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<p>${escaped.replaceAll(/\r\n?|\n/g, '<br>\n')}</p>`;
}
