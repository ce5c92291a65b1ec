import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import type { DownloadableFile } from '../attachments/find-download.js';
import { AttachmentError } from '../errors.js';
import type { NetworkRate } from '../limits/networks.js';
import type { DownloadPlaces } from '../limits/places.js';
import type { ByteRange, DirectAccess, Storage } from '../storage/storage.js';
import { admitAnonymous } from './admit-request.js';
import { setRefusalHeaders } from './download.js';
import { sendCurrent } from './send-file.js';

/** The file that a token leads to. */
export interface SharedFile {
  file: DownloadableFile;
  /** Whether the link permits a number of downloads only. */
  isLimited: boolean;
  /** Called before the bytes of a GET leave. Throws where they may not. */
  count(range: ByteRange): Promise<void>;
}

export interface ShareDependencies {
  storage: Pick<Storage, 'read'>;
  /** The store, where clients are sent to it; null where the bytes come through us. */
  direct: Pick<DirectAccess, 'downloadUrl'> | null;
  places: Pick<DownloadPlaces, 'take'>;
  /** Counts every request by its address; null for no limit. */
  anonymous: NetworkRate | null;
  clock: () => Date;
  /** Throws NOT_FOUND, also of type `share_link_over`, and NOT_APPROVED. */
  findShared(token: string): Promise<SharedFile>;
}

interface ShareRoute {
  Params: { token: string };
  Querystring: Record<string, unknown>;
}

/**
 * Adds `GET|HEAD /s/{token}`, where the token is the credential. A browser that opens it gets a page with a button, which leads to
 * the same address with the query `download`; everybody else gets the bytes.
 */
export function registerShareLinks(server: FastifyInstance, deps: ShareDependencies): void {
  server.route<ShareRoute>({
    method: ['GET', 'HEAD'] satisfies HTTPMethods[],
    url: '/s/:token',
    handler: async (request, reply) => {
      setRefusalHeaders(reply, 'Accept');
      // No search engine keeps the token.
      reply.header('x-robots-tag', 'noindex, nofollow');
      await admitAnonymous(deps.anonymous, request, reply);
      const wantsPage = !('download' in request.query) && /\btext\/html\b/.test(request.headers.accept ?? '');
      try {
        const shared = await deps.findShared(request.params.token);
        if (wantsPage) return sendPage(reply, 200, sharePage(shared.file));
        await sendShared(deps, shared, request, reply);
        return reply;
      } catch (error) {
        if (!wantsPage || !(error instanceof AttachmentError) || error.status >= 500) throw error;
        const isOver = error.details.some(({ type }) => type === 'share_link_over');
        return sendPage(reply, isOver ? 410 : error.status, noticePage(error.message));
      }
    },
  });
}

function sendPage(reply: FastifyReply, status: number, page: string): FastifyReply {
  return reply
    .code(status)
    .headers({ 'content-type': 'text/html; charset=utf-8', 'content-security-policy': pagePolicy })
    .send(page);
}

async function sendShared(
  deps: ShareDependencies,
  first: SharedFile,
  { ip: address, params: { token } }: FastifyRequest<ShareRoute>,
  reply: FastifyReply,
): Promise<void> {
  let next: SharedFile | null = first;
  let shared = first;
  const find = async () => {
    shared = next ?? (await deps.findShared(token));
    next = null;
    return shared.file;
  };
  await sendCurrent(reply, deps.storage, find, (file) => ({
    disposition: 'ATTACHMENT',
    // Every use asks whether the link is still good.
    cacheControl: () => (shared.isLimited ? 'no-store' : 'private, no-cache'),
    resourcePolicy: 'same-origin',
    direct: shared.isLimited ? null : deps.direct,
    now: deps.clock(),
    begin: () => deps.places.take({ address }, file.organizationId),
    count: shared.count,
  }));
}

const style = `body{font:1rem/1.5 system-ui,sans-serif;margin:15vh auto;max-width:32rem;padding:0 1rem;text-align:center}
h1{font-size:1.25rem;overflow-wrap:anywhere}p{color:#555}
a{display:inline-block;padding:.6rem 1.6rem;border-radius:.4rem;background:#1a56db;color:#fff;text-decoration:none}
@media(prefers-color-scheme:dark){body{background:#111;color:#eee}p{color:#aaa}}`;

/** The pages run no script, load nothing and are shown in no frame. */
const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A page that tells of a shared file, with a button that downloads it. */
function sharePage({ fileName, size, contentType }: DownloadableFile): string {
  const facts = `${sizeText(size)}, ${contentType}`;
  return page(
    fileName,
    `<h1 dir="auto">${escapeText(fileName)}</h1>
<p>${escapeText(facts)}</p>
<p><a class="button" role="button" href="?download=1">Download</a></p>`,
  );
}

/** A page that says why there is no file. */
function noticePage(message: string): string {
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
