import { parentPort } from 'node:worker_threads';
import { renderMarkdown } from './render-markdown.js';

parentPort?.on('message', (markdown: string) => parentPort?.postMessage(renderMarkdown(markdown)));
// What the clock of the first text waits for.
parentPort?.postMessage('ready');
