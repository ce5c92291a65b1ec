import type { Rendering } from '../../../src/markdown/rendering';

/** Characters of a Markdown text that are rendered, as of a description; a longer one is shown as it is written. */
const renderedLength = 10_000;
const limitMs = 3_000;

const pageOf = (body: string) =>
  `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'">${body}`;

/** A page that shows a text as it is. */
export function pageOfText(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return pageOf(`<pre>${escaped}</pre>`);
}

/** A page of what Markdown makes, sanitized as a description is; of its text if that cannot be made. */
export async function pageOfMarkdown(text: string, signal: AbortSignal): Promise<string> {
  if (text.length > renderedLength) return pageOfText(text);
  const rendering = await renderApart(text, signal);
  return 'html' in rendering ? pageOf(rendering.html) : pageOfText(text);
}

/** Renders on a thread that can be ended: some texts take very long. */
async function renderApart(text: string, signal: AbortSignal): Promise<Rendering> {
  const worker = new Worker(new URL('./markdown-worker.ts', import.meta.url), { type: 'module' });
  try {
    return await new Promise<Rendering>((resolve, reject) => {
      const giveUp = () => resolve({ fault: 'too_costly' });
      setTimeout(giveUp, limitMs);
      worker.onerror = giveUp;
      worker.onmessage = ({ data }: MessageEvent<Rendering>) => resolve(data);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      worker.postMessage(text);
    });
  } finally {
    worker.terminate();
  }
}
