const signatures: readonly [RegExp, string][] = [
  [/^%PDF-/, 'application/pdf'],
  [/^\{\\rtf/, 'application/rtf'],
  [/^%!PS/, 'application/postscript'],
  [/^BEGIN:VCARD\b/i, 'text/vcard'],
  [/^BEGIN:VCALENDAR\b/i, 'text/calendar'],
  [/^WEBVTT\b/, 'text/vtt'],
];

/** Elements that tell a page where neither a document type nor `<html>` does; browsers go by much the same list. */
const htmlElements = new Set(
  'a b body br div font form h1 head html iframe img link meta p script style table title'.split(' '),
);

/** The type of a text that says what it is in its first words; null where it does not. */
export function recognizeText(text: string): string | null {
  const start = text.trimStart();
  return signatures.find(([signature]) => signature.test(start))?.[1] ?? recognizeMarkup(start);
}

function recognizeMarkup(text: string): string | null {
  const isXml = /^<\?xml\s/.test(text);
  const root = findRoot(text);
  if (root === 'svg') return 'image/svg+xml';
  if (isXml) return root === 'html' ? 'application/xhtml+xml' : 'application/xml';
  return root === '!--' || htmlElements.has(root) ? 'text/html' : null;
}

/** The name of the root element, in lower case and without its prefix; `!--` where there are only comments, '' where no markup is. */
function findRoot(text: string): string {
  const root = text.replace(/^(?:\s|<\?xml[^>]*>|<!--.*?-->)+/s, '');
  const name = /^<(?:!doctype\s+)?(?:[\w.-]+:)?([\w.-]+)(?=[\s/>[])/i.exec(root)?.[1];
  return name?.toLowerCase() ?? (text.startsWith('<!--') ? '!--' : '');
}
