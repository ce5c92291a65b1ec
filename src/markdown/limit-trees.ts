import { type RenderingFault, renderingLimits } from './rendering.js';

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
export class Unrenderable extends Error {
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
export function limitMarkers(markdown: string): void {
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
export function limitMarkdown(root: TreeNode): void {
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
export function limitHtml(root: TreeNode): void {
  let length = 0;
  for (const [{ tagName = '', properties = {}, value = '' }] of walk(root, () => false)) {
    length += tagName.length + value.length;
    for (const property of Object.values(properties)) length += String(property).length;
    if (length > renderingLimits.htmlLength) throw new Unrenderable('html_too_long');
  }
}
