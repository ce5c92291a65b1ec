import rehypeSanitize from 'rehype-sanitize';
import rehypeStringify from 'rehype-stringify';
import remarkGfm from 'remark-gfm';
import remarkParse from 'remark-parse';
import remarkRehype from 'remark-rehype';
import { unified } from 'unified';

const processor = unified()
  .use(remarkParse)
  .use(remarkGfm)
  .use(remarkRehype)
  .use(rehypeSanitize)
  .use(rehypeStringify)
  .freeze();

/** Markdown (GitHub's flavour) as HTML that is safe to show: raw HTML is dropped, and what is left passes an allowlist. */
export function renderMarkdown(markdown: string): string {
  return String(processor.processSync(markdown));
}
