import type { DownloadableFile } from '../attachments/find-download.js';
import type { Disposition } from '../auth/attachment-urls.js';

/** Types that browsers may show in place: none that can run script in a page of ours. */
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

const locked = "sandbox; default-src 'none'";
/** The page that a browser wraps around an image or a recording loads the file itself and styles it. */
export const mediaPolicy = `${locked}; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors *`;
/** Without `sandbox`, because Chromium and Safari refuse to show a PDF under it; script stays forbidden. */
const pdf =
  "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors *";

interface Presentation {
  type: 'attachment' | 'inline';
  contentType: string;
  contentSecurityPolicy: string;
}

/** How a file of this type leaves: in place only where that was asked for and its type is safe to show. */
export function presentationOf(
  { contentType, charset }: Pick<DownloadableFile, 'contentType' | 'charset'>,
  asked: Disposition,
): Presentation {
  const [essence = ''] = contentType.toLowerCase().split(/\s*;/, 1);
  // Pages and XML can state their encoding themselves.
  const isText = contentType.startsWith('text/') && contentType !== 'text/html';
  const isInline = asked === 'INLINE' && inlineTypes.has(essence);
  return {
    type: isInline ? 'inline' : 'attachment',
    contentType: isText && charset !== null ? `${contentType}; charset=${charset}` : contentType,
    contentSecurityPolicy: isInline ? (essence === 'application/pdf' ? pdf : mediaPolicy) : locked,
  };
}
