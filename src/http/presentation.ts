import type { Disposition } from '../auth/attachment-urls.js';

/** What browsers may show in place: nothing that can run script in a page of ours. */
const inlineTypes = new Set([
  'application/pdf',
  'audio/aac',
  'audio/flac',
  'audio/mp4',
  'audio/mpeg',
  'audio/ogg',
  'audio/wav',
  'audio/webm',
  'audio/x-m4a',
  'image/avif',
  'image/gif',
  'image/jpeg',
  'image/png',
  'image/webp',
  'text/plain',
  'video/mp4',
  'video/ogg',
  'video/webm',
]);

/** Text that cannot state its encoding itself, as pages and XML can. */
const plainTextTypes = new Set(['text/csv', 'text/markdown', 'text/plain']);

const locked = "sandbox; default-src 'none'";
/** The page that a browser wraps around an image or a recording loads the file itself and styles it. */
const media = `${locked}; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors *`;
/** Without `sandbox`, because Chromium and Safari refuse to show a PDF under it; script stays forbidden. */
const pdf =
  "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors *";

export interface Presentation {
  type: 'attachment' | 'inline';
  contentType: string;
  contentSecurityPolicy: string;
}

/** How a file of this type leaves: in place only where that was asked for and its type is safe to show. */
export function presentationOf(contentType: string, asked: Disposition): Presentation {
  const [essence = ''] = contentType.toLowerCase().split(/\s*;/, 1);
  const isInline = asked === 'INLINE' && inlineTypes.has(essence);
  return {
    type: isInline ? 'inline' : 'attachment',
    contentType: plainTextTypes.has(contentType) ? `${contentType}; charset=utf-8` : contentType,
    contentSecurityPolicy: isInline ? (essence === 'application/pdf' ? pdf : media) : locked,
  };
}
