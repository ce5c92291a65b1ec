import rehypeSanitize, { type Options as SanitizeOptions } from 'rehype-sanitize';
import rehypeStringify from 'rehype-stringify';
import remarkGfm from 'remark-gfm';
import remarkParse from 'remark-parse';
import remarkRehype from 'remark-rehype';
import { unified } from 'unified';
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

/** As much of a node as is looked at here, of Markdown or of HTML. */
export interface TreeNode {
  type: string;
  children?: TreeNode[];
  value?: string;
  tagName?: string;
  properties?: Record<string, unknown>;
  /** A table's alignments, one for each of its columns. */
  align?: unknown[] | null;
  /** A link's definition: its address, its title, and the name by which links refer to it. */
  url?: string;
  title?: string | null;
  identifier?: string;
}

/** Thrown while a description is rendered. */
class Unrenderable extends Error {
  constructor(readonly fault: RenderingFault) {
    super(fault);
  }
}

/** Every node below `root`, with the number of `nesting` ones around and including it. Keeps its own stack: trees can be deep. */
function* walk(root: TreeNode, nests: (node: TreeNode) => boolean): Iterable<[TreeNode, number]> {
  const stack: [TreeNode, number][] = [[root, 0]];
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    yield entry;
    const [node, level] = entry;
    for (const child of node.children ?? []) stack.push([child, level + (nests(child) ? 1 : 0)]);
  }
}

const marker = /[ \t]*(?:>|(?:[*+-]|\d{1,9}[.)])[ \t])/y;
const thematicBreak = /^[ \t]*([*-])[ \t]*(?:\1[ \t]*)+$/;

/**
 * Throws `too_deep` for a line that opens more quotes and lists than may be nested. The parser needs memory by the square of
 * their number, and does not end by itself before it has run out of stack.
 */
function limitMarkers(markdown: string): void {
  for (const line of markdown.split(/[\r\n]/)) {
    let count = 0;
    marker.lastIndex = 0;
    while (marker.test(line)) count += 1;
    if (count > renderingLimits.levels && !thematicBreak.test(line)) throw new Unrenderable('too_deep');
  }
}

const nesting = new Set(['blockquote', 'listItem', 'emphasis', 'strong', 'delete', 'link', 'linkReference']);

/** `<td></td>` and the end of a line. */
const shortestCell = 10;

/**
 * Throws for a document that is nested too deeply, or whose HTML is sure to be too long: rows of a table are filled up to the
 * width of its head, and what a definition says is repeated at each reference. To be asked before any of that is made.
 */
function limitMarkdown(root: TreeNode): void {
  const definitions = new Map<string, number>();
  const references: string[] = [];
  let length = 0;
  for (const [node, level] of walk(root, ({ type }) => nesting.has(type))) {
    if (level > renderingLimits.levels) throw new Unrenderable('too_deep');
    const { type, identifier = '', url = '', title } = node;
    if (type === 'table') length += (node.align?.length ?? 0) * (node.children?.length ?? 0) * shortestCell;
    if (type === 'definition') definitions.set(identifier, url.length + (title?.length ?? 0));
    if (type === 'linkReference') references.push(identifier);
  }
  for (const identifier of references) length += definitions.get(identifier) ?? 0;
  if (length > renderingLimits.htmlLength) throw new Unrenderable('html_too_long');
}

/** Throws for a tree of HTML whose text is sure to be too long. */
function limitHtml(root: TreeNode): void {
  let length = 0;
  for (const [{ tagName = '', properties = {}, value = '' }] of walk(root, () => false)) {
    length += tagName.length + value.length;
    for (const property of Object.values(properties)) length += String(property).length;
    if (length > renderingLimits.htmlLength) throw new Unrenderable('html_too_long');
  }
}
