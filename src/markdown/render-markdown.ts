import rehypeSanitize, { type Options as SanitizeOptions } from 'rehype-sanitize';
import rehypeStringify from 'rehype-stringify';
import remarkGfm from 'remark-gfm';
import remarkParse from 'remark-parse';
import remarkRehype from 'remark-rehype';
import { unified } from 'unified';
import { limitHtml, limitMarkdown, limitMarkers, type TreeNode, Unrenderable } from './limit-trees.js';
import { type Rendering, type RenderingFault, renderingLimits } from './rendering.js';

/** Keeps ids apart from those of the page that shows the HTML, and from the names of its scripts. */
const idPrefix = 'user-content-';

/**
 * The elements that Markdown makes, and nothing that loads by itself: no image, whether remote (it tracks readers), relative (it asks the
 * service that shows it) or in a data URL (it brings a decoder into play).
 */
const allowed: SanitizeOptions = {
  tagNames: [
    ...[
      'a',
      'blockquote',
      'br',
      'code',
      'del',
      'em',
      'h1',
      'h2',
      'h3',
      'h4',
      'h5',
      'h6',
      'hr',
      'input',
      'li',
      'ol',
    ],
    ...['p', 'pre', 'section', 'strong', 'sup', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul'],
  ],
  attributes: {
    '*': ['id'],
    a: [
      ...['href', 'title', 'ariaDescribedBy', 'ariaLabel', 'dataFootnoteBackref', 'dataFootnoteRef'],
      ['className', 'data-footnote-backref'],
    ],
    code: [['className', /^language-./]],
    h2: [['className', 'sr-only']],
    input: [
      ['disabled', true],
      ['type', 'checkbox'],
      ['checked', true],
    ],
    li: [['className', 'task-list-item']],
    ol: ['start', ['className', 'contains-task-list']],
    section: ['dataFootnotes', ['className', 'footnotes']],
    td: ['align'],
    th: ['align'],
    ul: [['className', 'contains-task-list']],
  },
  protocols: { href: ['http', 'https', 'mailto', 'irc', 'ircs', 'xmpp'] },
  required: { input: { disabled: true, type: 'checkbox' } },
  clobber: ['id', 'ariaDescribedBy'],
  clobberPrefix: idPrefix,
  strip: ['script'],
};

/** Shows only the text of an image. */
const altText = (_state: unknown, { alt }: { alt?: string | null }) =>
  ({ type: 'text', value: alt ?? '' }) as const;

const processor = unified()
  .use(remarkParse)
  .use(remarkGfm)
  .use(() => limitMarkdown)
  .use(remarkRehype, { clobberPrefix: '', handlers: { image: altText, imageReference: altText } })
  .use(rehypeSanitize, allowed)
  .use(() => finishLinks)
  .use(() => limitHtml)
  .use(rehypeStringify)
  .freeze();

/** A link tells its target nothing, and gives it no weight. Those between a footnote and its text follow the prefix of ids. */
function finishLinks({ tagName, properties, children }: TreeNode): void {
  for (const child of children ?? []) finishLinks(child);
  if (tagName !== 'a' || typeof properties?.['href'] !== 'string') return;
  const { href } = properties;
  const isFootnote = 'dataFootnoteRef' in properties || 'dataFootnoteBackref' in properties;
  if (isFootnote) properties['href'] = `#${idPrefix}${href.slice(1)}`;
  else properties['rel'] = ['nofollow', 'noopener', 'noreferrer'];
}

/**
 * Markdown (GitHub's flavour) as HTML that is safe to show: raw HTML and images are dropped, and what is left passes an
 * allowlist. Takes as long, and as much memory, as it takes: only for a thread that can be ended. Never throws.
 */
export function renderMarkdown(markdown: string): Rendering {
  try {
    limitMarkers(markdown);
    const html = String(processor.processSync(markdown));
    return html.length > renderingLimits.htmlLength ? { fault: 'html_too_long' } : { html };
  } catch (error) {
    return { fault: faultOf(error) };
  }
}

function faultOf(error: unknown): RenderingFault {
  if (error instanceof Unrenderable) return error.fault;
  return error instanceof RangeError && /call stack/.test(error.message) ? 'too_deep' : 'not_renderable';
}

/** Text as HTML that shows it as it was typed: escaped, in one paragraph, with its line breaks. At most five times as long. */
export function plainHtml(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<p>${escaped.replaceAll(/\r\n?|\n/g, '<br>\n')}</p>`;
}
