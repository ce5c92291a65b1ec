import { parentPort } from 'node:worker_threads';
import { renderMarkdown } from './render-markdown.js';

parentPort?.on('message', (markdown: string) => parentPort?.postMessage(renderMarkdown(markdown)));
// The clock of the first text starts when this arrives.
parentPort?.postMessage('ready');
