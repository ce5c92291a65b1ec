import { renderMarkdown } from '../../../src/markdown/render-markdown';

addEventListener('message', ({ data }: MessageEvent<string>) => postMessage(renderMarkdown(data)));
