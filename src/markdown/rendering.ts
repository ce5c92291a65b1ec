/** Limits of a description. */
export const renderingLimits = {
  /** Characters of the HTML: ten for each that a description may have. */
  htmlLength: 100_000,
  /** Quotes, list items, links and emphasis inside each other. */
  levels: 100,
  /** Milliseconds of computing. Ordinary text of the greatest length takes less than a third of them. */
  milliseconds: 1_000,
} as const;

/** HTML that is safe to show, or why there is none. Says nothing of who may see it. */
export type Rendering = { html: string } | { fault: RenderingFault };

/** `too_costly`: in time or memory. */
export type RenderingFault = 'html_too_long' | 'too_deep' | 'too_costly' | 'not_renderable';

const { htmlLength, levels, milliseconds } = renderingLimits;

/** The message to a client for each fault; `limit` is the bound that was passed. */
export const renderingFaults: Record<RenderingFault, { msg: string; limit?: number }> = {
  html_too_long: { msg: `Its HTML would have more than ${htmlLength} characters.`, limit: htmlLength },
  too_deep: { msg: `It is nested more than ${levels} levels deep.`, limit: levels },
  too_costly: {
    msg: `Rendering it takes more than ${milliseconds} milliseconds of computing.`,
    limit: milliseconds,
  },
  not_renderable: { msg: 'It cannot be rendered.' },
};

/** Text as HTML that shows it as it was typed: escaped, in one paragraph, with its line breaks. At most five times as long. */
export function plainHtml(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<p>${escaped.replaceAll(/\r\n?|\n/g, '<br>\n')}</p>`;
}
