import type { FastifyInstance } from 'fastify';
import { listArchived } from '../access/list-visible.js';
import { beforeLists, createAccessLoaders } from '../access/loaders.js';
import { RecordAccess } from '../access/record-access.js';
import type { RecordAuthorizer } from '../access/record-authorizer.js';
import {
  type DownloadableFile,
  findContent,
  findDownload,
  findPreviewed,
  toDownload,
} from '../attachments/find-download.js';
import type { DownloadLog } from '../audit/download-log.js';
import type { KnownKeys } from '../auth/api-keys.js';
import type { AttachmentUrls, UrlMaker } from '../auth/attachment-urls.js';
import type { Admit } from '../auth/authenticate.js';
import type { ArchivedPlace, ArchiveUrls, PreviewUrls } from '../auth/derived-urls.js';
import { assertPermitted, routeNeeds, type Viewer } from '../auth/viewer.js';
import type { Config } from '../config/config.js';
import type { Database } from '../database/database.js';
import { PrincipalRow } from '../database/entities/organization.js';
import { AttachmentError, fault } from '../errors.js';
import { admitAnonymous, admitRequest } from '../http/admit-request.js';
import { type LookUp, registerArchive } from '../http/archive-route.js';
import { type LiveMaker, type Receiver, registerDownload } from '../http/download.js';
import { registerPreviews } from '../http/preview-route.js';
import { registerShareLinks } from '../http/share-route.js';
import type { IntakeLeases } from '../intake/intake-leases.js';
import type { NetworkRate } from '../limits/networks.js';
import type { DownloadPlaces } from '../limits/places.js';
import { readDamagedIds } from '../model/stored-attachment.js';
import type { Previews } from '../previews/previews.js';
import { countDownload, findShared } from '../sharing/use-share-link.js';
import type { Storage } from '../storage/storage.js';

export interface ContentDependencies {
  admit: Admit;
  anonymous: NetworkRate | null;
  clock: () => Date;
  database: Database;
  downloads: DownloadLog;
  keys: KnownKeys;
  leases: IntakeLeases;
  places: DownloadPlaces;
  previews: Previews;
  previewUrls: PreviewUrls;
  recordAuthorizer: RecordAuthorizer;
  redirectDownloads: boolean;
  storage: Storage;
  urls: AttachmentUrls & ArchiveUrls;
}

/** Adds the routes that send content, or what is made of it. */
export function addContentRoutes(server: FastifyInstance, config: Config, deps: ContentDependencies): void {
  addDownload(server, deps);
  addShareLinks(server, config, deps);
  addPreviews(server, deps);
  addArchive(server, deps);
}

function accessOf({ recordAuthorizer, database }: ContentDependencies, viewer: Viewer): RecordAccess {
  return new RecordAccess(recordAuthorizer, viewer, () =>
    createAccessLoaders(beforeLists(database), database.read, viewer),
  );
}

async function findMaker(
  { keys }: Pick<ContentDependencies, 'keys'>,
  maker: UrlMaker,
): Promise<LiveMaker | null> {
  if ('userId' in maker) return { principalId: maker.userId, keyId: null, expiresAt: null };
  const key = await keys.byId(maker.keyId);
  return key && { principalId: key.viewer.principal.id, keyId: key.id, expiresAt: key.expiresAt };
}

/** Notes whose bytes go to whom. */
const noteDownload =
  ({ downloads }: Pick<ContentDependencies, 'downloads'>) =>
  ({ id: attachmentId, organizationId }: DownloadableFile, receiver: Receiver): void => {
    const by = 'viewer' in receiver ? { principalId: receiver.viewer.principal.id } : { link: receiver };
    downloads.note({ attachmentId, organizationId, by });
  };

function addPreviews(server: FastifyInstance, deps: ContentDependencies): void {
  registerPreviews(server, {
    ...deps,
    countBadSignature: (request, reply) => admitAnonymous(deps.anonymous, request, reply),
    findMaker: (maker) => findMaker(deps, maker),
    findPreviewed: (id, blobId) => findPreviewed(deps.database.read, id, blobId),
  });
}

function addDownload(server: FastifyInstance, deps: ContentDependencies): void {
  registerDownload(server, {
    ...deps,
    viewerOf: async (request, reply) => {
      if (request.headers.authorization === undefined) await admitAnonymous(deps.anonymous, request, reply);
      return assertPermitted(
        await admitRequest(deps.admit, request, reply),
        routeNeeds['GET /attachments/:id'],
      );
    },
    countBadSignature: (request, reply) => admitAnonymous(deps.anonymous, request, reply),
    direct: deps.redirectDownloads ? deps.storage.direct : null,
    findDownload: async (id, viewer, contentId) => {
      const mayHide = viewer !== null && deps.recordAuthorizer.isActive;
      if (mayHide && (await accessOf(deps, viewer).hides(id))) return null;
      if (contentId !== null) return findContent(deps.database.read, id, contentId);
      return findDownload(deps.database.read, id, viewer);
    },
    findMaker: (maker) => findMaker(deps, maker),
    onDownload: noteDownload(deps),
  });
}

/** Switched off, no link leads anywhere. */
function addShareLinks(server: FastifyInstance, { shareLinks }: Config, deps: ContentDependencies): void {
  registerShareLinks(server, {
    ...deps,
    direct: deps.redirectDownloads ? deps.storage.direct : null,
    findShared: async (token) => {
      if (!shareLinks) throw new AttachmentError('NOT_FOUND');
      const shared = await findShared(deps, token);
      const { link, stored } = shared;
      const { id: shareLinkId, createdById: principalId, keyId, organizationId } = link;
      const by = { share: { shareLinkId, maker: { principalId, keyId } } };
      return {
        file: toDownload(stored),
        isLimited: link.maxDownloads !== null,
        count: async (range) => {
          await countDownload(deps, shared, range);
          deps.downloads.note({ attachmentId: stored.attachment.id, organizationId, by });
        },
      };
    },
  });
}

function addArchive(server: FastifyInstance, deps: ContentDependencies): void {
  registerArchive(server, {
    ...deps,
    countBadSignature: (request, reply) => admitAnonymous(deps.anonymous, request, reply),
    findMaker: (maker) => findMaker(deps, maker),
    onDownload: noteDownload(deps),
    listFiles: (place, maker) => listApproved(deps, place, maker),
  });
}

/**
 * The files of an archive. When the turn of one comes it may be gone, or rejected, and the credential of the URL's maker may have
 * ended, which ends the archive.
 */
async function* listApproved(
  deps: ContentDependencies,
  place: ArchivedPlace,
  maker: LiveMaker,
): AsyncGenerator<LookUp> {
  const { database, keys } = deps;
  const viewer = await viewerOf(deps, place.organizationId, maker);
  await assertNoneDamaged(deps, viewer, place);
  for await (const id of listArchived({ database, access: accessOf(deps, viewer) }, viewer, place)) {
    yield async () => {
      if (maker.keyId !== null && !(await keys.byId(maker.keyId))) throw new AttachmentError('FORBIDDEN');
      // It may have moved to where the maker may not see it.
      if (await accessOf(deps, viewer).hides(id)) return null;
      const file = await findDownload(database.read, id, null).catch(nullUnlessApproved);
      return file?.organizationId === place.organizationId ? file : null;
    };
  }
}

/** Throws DAMAGED before the first byte. A file that is found damaged later breaks the archive off. */
async function assertNoneDamaged(
  deps: ContentDependencies,
  viewer: Viewer,
  place: ArchivedPlace,
): Promise<void> {
  const { database } = deps;
  const damaged = await readDamagedIds(database.read, viewer);
  if (damaged.size === 0) return;
  for await (const id of listArchived({ database, access: accessOf(deps, viewer) }, viewer, place)) {
    if (damaged.has(id)) throw fault('damaged', ['query', 'record'], 'One of its files is damaged.');
  }
}

function nullUnlessApproved(error: unknown): null {
  if (error instanceof AttachmentError && error.code === 'NOT_APPROVED') return null;
  throw error;
}

/** As whom the record authorizer is asked. Reading is permitted by the signature. */
async function viewerOf(
  { database }: Pick<ContentDependencies, 'database'>,
  organizationId: string,
  { principalId: id, keyId }: LiveMaker,
): Promise<Viewer> {
  const known = await database.read.findOneBy(PrincipalRow, { organizationId, id });
  const principal = { id, kind: known?.kind ?? 'USER', name: known?.name ?? null } as const;
  return { organizationId, principal, permissions: new Set(), keyId };
}
