import type { Readable } from 'node:stream';
import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import { BlobRow, PictureRow } from '../database/entities/blob.js';
import { insertRows } from '../database/insert-row.js';
import { readPreview, writePreview } from '../database/previews.js';
import { lockRows } from '../database/row-locks.js';
import { AttachmentError, fault } from '../errors.js';
import type { Owner } from '../limits/fair-queue.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import type { Quotas } from '../quotas/quotas.js';
import type { ByteRange, Storage } from '../storage/storage.js';
import type { DecodedPicture } from './picture-process.js';
import type { PictureRenderer } from './picture-renderer.js';
import {
  type PictureFault,
  type PictureSize,
  type PreviewVariant,
  pictureLimits,
  variantName,
} from './preview.js';

export interface PreviewsDependencies {
  database: Pick<Database, 'read' | 'write'>;
  storage: Pick<Storage, 'read'>;
  pictures: Pick<PictureRenderer, 'render'>;
  clock: () => Date;
  quotas: Pick<Quotas, 'of'>;
  /** Told of what was made and could not be kept: it is made again when it is asked for. */
  onNotKept(error: unknown): void;
}

/** Another version of the decoder may be able to do more. */
const faultLifeMs = 24 * 60 * 60 * 1_000;

/** Formats that tell their size at the beginning, and bytes that are enough for it. */
const sizedAtOnce = new Set(['image/apng', 'image/gif', 'image/jpeg', 'image/png', 'image/webp']);
const beginningBytes = 256 * 1024;

/** Makes previews when they are first asked for, and keeps them with the blob. */
export class Previews {
  readonly #deps: PreviewsDependencies;
  /** By blob and variant. */
  readonly #finding = new Map<string, Promise<Uint8Array>>();
  /** By blob. */
  readonly #measuring = new Map<string, Promise<DecodedPicture>>();

  constructor(deps: PreviewsDependencies) {
    this.#deps = deps;
  }

  /**
   * A preview of approved content. Asked for several times at once, it is made once. Throws BAD_USER_INPUT if the content
   * cannot be decoded or costs too much, RATE_LIMITED if too much waits, and STORAGE_UNAVAILABLE.
   */
  async find(owner: Owner, stored: StoredAttachment, variant: PreviewVariant): Promise<Uint8Array> {
    // The look at what is kept too: it may have been made since one that found nothing.
    const key = `${stored.blob.id} ${variantName(variant)}`;
    return once(this.#finding, key, () => this.#findOrMake(owner, stored, variant));
  }

  async #findOrMake(owner: Owner, stored: StoredAttachment, variant: PreviewVariant): Promise<Uint8Array> {
    const { read } = this.#deps.database;
    const key = { blobId: stored.blob.id, variant: variantName(variant) };
    const kept = await readPreview(read, key);
    if (kept?.body) return kept.body;
    const known = kept && { fault: 'too_costly' as const, decodedAt: kept.madeAt };
    const found =
      this.#faultOf(known) ??
      this.#faultOf(await read.findOneBy(PictureRow, { blobId: key.blobId })) ??
      (await this.#make(owner, stored, variant));
    if ('fault' in found) throw noPreview(found.fault);
    return found.body;
  }

  /**
   * Pixels of approved content that is a picture; null if it cannot be decoded. `known` is what its row says. Throws as `find`
   * does if it cannot be told now.
   */
  async measure(
    owner: Owner,
    stored: StoredAttachment,
    known: PictureRow | null,
  ): Promise<PictureSize | null> {
    if (known && known.width !== null && known.height !== null)
      return { width: known.width, height: known.height };
    if (this.#faultOf(known)) return null;
    const found = await once(this.#measuring, stored.blob.id, () => this.#makeMeasured(owner, stored));
    return 'fault' in found ? null : { width: found.width, height: found.height };
  }

  #faultOf(known: Pick<PictureRow, 'fault' | 'decodedAt'> | null): { fault: PictureFault } | null {
    if (!known?.fault) return null;
    const isOld = this.#deps.clock().getTime() - known.decodedAt.getTime() >= faultLifeMs;
    return isOld ? null : { fault: known.fault };
  }

  async #make(owner: Owner, stored: StoredAttachment, variant: PreviewVariant): Promise<DecodedPicture> {
    const made = await this.#decode(owner, stored, variant);
    await this.#keep(stored, made, variant);
    return made;
  }

  async #makeMeasured(owner: Owner, stored: StoredAttachment): Promise<DecodedPicture> {
    const { contentType, size } = stored.attachment;
    const isShort = sizedAtOnce.has(contentType) && size > beginningBytes;
    const beginning = isShort
      ? await this.#decode(owner, stored, null, { start: 0, end: beginningBytes - 1 })
      : null;
    const made = beginning && !('fault' in beginning) ? beginning : await this.#decode(owner, stored, null);
    await this.#keep(stored, made, null);
    return made;
  }

  async #decode(
    owner: Owner,
    { attachment: { contentType }, blob: { documentKey, size } }: StoredAttachment,
    variant: PreviewVariant | null,
    range?: ByteRange,
  ): Promise<DecodedPicture> {
    const bytes = range ? range.end - range.start + 1 : size;
    if (bytes > pictureLimits.bytes) return { fault: 'too_costly' };
    return this.#deps.pictures.render(owner, { contentType, variant }, async () => ({
      bytes,
      stream: await this.#open(documentKey, range),
    }));
  }

  /** A deletion that came in between takes the row before the bytes. */
  async #open(documentKey: string, range: ByteRange | undefined): Promise<Readable> {
    const stream = await this.#deps.storage.read(documentKey, range);
    if (!stream) throw new AttachmentError('NOT_FOUND');
    return stream;
  }

  /** Previews are answered although they cannot be kept, such as on a full disk or past a quota. */
  async #keep(
    { blob: { id: blobId, organizationId } }: StoredAttachment,
    made: DecodedPicture,
    variant: PreviewVariant | null,
  ): Promise<void> {
    const decodedAt = this.#deps.clock();
    const keep = async () => {
      const quota = await this.#deps.quotas.of(organizationId);
      await this.#deps.database.write(async (manager) => {
        // The blob may go, but not before these rows are there to go with it.
        await lockRows(manager, BlobRow, [blobId], 'SHARE');
        if (!(await manager.existsBy(BlobRow, { id: blobId, organizationId }))) return;
        await keepFacts(manager, { blobId, made, decodedAt, isOfAll: variant === null });
        const body = keptBody(made);
        if (!variant || body === undefined) return;
        const isRoom = !body || !quota || (await quota.makePreviewRoom(manager, body.byteLength));
        const name = variantName(variant);
        if (isRoom)
          await writePreview(manager, { blobId, variant: name, organizationId, madeAt: decodedAt, body });
      });
    };
    await keep().catch(this.#deps.onNotKept);
  }
}

/** Does what is under way already no second time. */
function once<T>(underWay: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const making = underWay.get(key) ?? make().finally(() => underWay.delete(key));
  underWay.set(key, making);
  return making;
}

/** Null for a variant that costs too much: a smaller one may not. Undefined if nothing is to be kept of it alone. */
function keptBody(made: DecodedPicture): Uint8Array | null | undefined {
  if (!('fault' in made)) return made.body;
  return made.fault === 'too_costly' ? null : undefined;
}

interface PictureFacts {
  blobId: string;
  made: DecodedPicture;
  decodedAt: Date;
  /** They hold for every variant. */
  isOfAll: boolean;
}

async function keepFacts(
  manager: EntityManager,
  { blobId, made, decodedAt, isOfAll }: PictureFacts,
): Promise<void> {
  if ('fault' in made) {
    if (made.fault === 'too_costly' && !isOfAll) return;
    const picture = { blobId, width: null, height: null, fault: made.fault, decodedAt };
    await insertRows(manager, PictureRow, [picture], { orUpdate: ['fault', 'decodedAt'] });
    return;
  }
  const picture = { blobId, width: made.width, height: made.height, fault: null, decodedAt };
  await insertRows(manager, PictureRow, [picture], { orUpdate: ['width', 'height', 'fault', 'decodedAt'] });
}

/** BAD_USER_INPUT for content that has no preview. */
function noPreview(kind: PictureFault): AttachmentError {
  if (kind === 'broken') {
    const msg = 'The content cannot be decoded, so there is no preview of it.';
    return fault('picture_broken', ['preview'], msg, { message: msg });
  }
  const limit = pictureLimits.pixels;
  const msg = `The content has more than ${limit} pixels or ${pictureLimits.bytes} bytes, or takes too much time or memory to decode.`;
  return fault('picture_too_costly', ['preview'], msg, { message: msg, limit });
}
