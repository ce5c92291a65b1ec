import { createHash } from 'node:crypto';
import type { DownloadableFile } from './send-file.js';

const style = `body{font:1rem/1.5 system-ui,sans-serif;margin:15vh auto;max-width:32rem;padding:0 1rem;text-align:center}
h1{font-size:1.25rem;overflow-wrap:anywhere}p{color:#555}
a{display:inline-block;padding:.6rem 1.6rem;border-radius:.4rem;background:#1a56db;color:#fff;text-decoration:none}
@media(prefers-color-scheme:dark){body{background:#111;color:#eee}p{color:#aaa}}`;

/** The pages run no script, load nothing and are shown in no frame. */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A page that tells of a shared file, with a button that downloads it. */
export function sharePage({ fileName, size, contentType }: DownloadableFile): string {
  const facts = `${sizeText(size)}, ${contentType}`;
  return page(
    fileName,
    `<h1 dir="auto">${escapeText(fileName)}</h1>
<p>${escapeText(facts)}</p>
<p><a class="button" role="button" href="?download=1">Download</a></p>`,
  );
}

/** A page that says why there is no file. */
export function noticePage(message: string): string {
  return page('Shared file', `<h1>${escapeText(message)}</h1>`);
}

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex, nofollow">
<meta name="referrer" content="no-referrer">
<title>${escapeText(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
${content}
</main>
</body>
</html>
`;
}

const units = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Such as `1.5 MiB (1,572,864 bytes)`. */
function sizeText(size: number): string {
  const bytes = `${size.toLocaleString('en')} ${size === 1 ? 'byte' : 'bytes'}`;
  const power = Math.min(Math.floor(Math.log2(Math.max(size, 1)) / 10), units.length);
  const unit = units[power - 1];
  return unit === undefined ? bytes : `${(size / 1024 ** power).toFixed(1)} ${unit} (${bytes})`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeText = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
