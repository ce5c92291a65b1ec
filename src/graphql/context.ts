import type { Hasher } from '../attachments/hash-content.js';
import type { PolicyBook } from '../attachments/load-policies.js';
import type { AttachmentUrls } from '../auth/attachment-urls.js';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { AttachmentError } from '../errors.js';
import type { Storage } from '../storage/storage.js';
import { createLoaders, type Loaders } from './loaders.js';

/** What resolvers hand on to the verbs of the service. */
export interface GraphqlDependencies {
  database: Database;
  storage: Storage;
  clock: () => Date;
  urls: AttachmentUrls;
  gracePeriodMs: number;
  unlinkedRetentionMs: number;
  hasher: Hasher;
  policies: PolicyBook;
  /** Where the bytes of an upload target are sent to. */
  uploadUrl(targetId: string): string;
  maxFileSize: number;
  /** Told of bytes that could not be removed now; they stay due. */
  onRemovalDelayed(error: unknown): void;
}

/** What every resolver of one operation shares. Apollo hands a clone of it to them, which is why nothing in it is `#private`. */
export class GraphqlContext {
  private madeLoaders: Loaders | null = null;

  constructor(
    readonly deps: GraphqlDependencies,
    /** Null without a credential: good for introspection only. */
    readonly anyViewer: Viewer | null,
    /** Logs, under the request's id, what its answer masks. */
    readonly logError: (error: unknown) => void,
  ) {}

  /** Who asks. Throws UNAUTHENTICATED without a credential. */
  get viewer(): Viewer {
    if (!this.anyViewer) throw new AttachmentError('UNAUTHENTICATED');
    return this.anyViewer;
  }

  get loaders(): Loaders {
    this.madeLoaders ??= createLoaders(this.deps.database, this.viewer);
    return this.madeLoaders;
  }
}
