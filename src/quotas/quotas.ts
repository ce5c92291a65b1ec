import type { EntityManager } from 'typeorm';
import { createBoundedCache } from '../bounded-cache.js';
import type { Database } from '../database/database.js';
import { QuotaRow } from '../database/entities/organization.js';
import { dropPreviews } from '../database/previews.js';
import { Parameters } from '../database/read-rows.js';
import { hasRowLocks } from '../database/row-locks.js';
import { type AttachmentError, fault, type Loc } from '../errors.js';
import { Reservation, type Reservations } from './reservations.js';
import { countersOf, type Usage } from './usage.js';

/** The most that an organization may store; null is no bound. */
export interface Bounds {
  bytes: number | null;
  attachments: number | null;
}

/** For `QuotaRow`: there is no bound, whatever the settings say. */
export const unbounded = -1;

/** The bounds of an organization with this row, or without one. */
export function boundsOf(row: QuotaRow | null, defaults: Bounds): Bounds {
  const choose = (own: number | null | undefined, preset: number | null) => {
    if (own === null || own === undefined) return preset;
    return own === unbounded ? null : own;
  };
  return {
    bytes: choose(row?.maxBytes, defaults.bytes),
    attachments: choose(row?.maxAttachments, defaults.attachments),
  };
}

/** How long a process may not know of a bound that has just been set. In return, uploads without one ask nothing. */
const cacheMs = 1_000;

export interface QuotaDependencies {
  database: Database;
  clock: () => Date;
  reservations: Reservations;
  /** The bounds of organizations that have none of their own. */
  quotaDefaults: Bounds;
}

/** How much organizations may store. */
export class Quotas {
  readonly #deps: QuotaDependencies;
  /** Organizations that were found to have no bound. */
  readonly #unbounded = createBoundedCache<true>(20_000, { ttl: cacheMs });

  constructor(deps: QuotaDependencies) {
    this.#deps = deps;
  }

  /** To be asked before a transaction that stores something. Null for an organization without a bound. */
  async of(organizationId: string): Promise<Quota | null> {
    if (this.#unbounded.has(organizationId)) return null;
    const { bytes, attachments } = await this.boundsOf(organizationId);
    if (bytes !== null || attachments !== null) return new Quota(this.#deps, organizationId);
    this.#unbounded.set(organizationId, true);
    return null;
  }

  /** The bounds just now. */
  async boundsOf(organizationId: string): Promise<Bounds> {
    const { database, quotaDefaults } = this.#deps;
    return boundsOf(await database.read.findOneBy(QuotaRow, { organizationId }), quotaDefaults);
  }
}

/** More that is to be stored. */
export type Added = Partial<Usage>;

/** Bytes that there is room for, and the fault of one more. */
export interface Room {
  bytes: number;
  exceeded: AttachmentError;
}

interface State {
  /** Things that are stored, and room that is reserved for more bytes. */
  taken: Usage;
  /** Bytes of previews, which give way to everything else. */
  previews: number;
  bounds: Bounds;
}

/** Room is left free to others, if there is less of it. */
const plenty = 64 * 1024 * 1024;
/** Room that content of unknown length gets beyond what has come, while there is plenty. */
const step = 1024 * 1024;

/** The bounds of one organization that has some. They hold in every process, to the byte. */
export class Quota {
  readonly #deps: QuotaDependencies;
  readonly #organizationId: string;

  constructor(deps: QuotaDependencies, organizationId: string) {
    this.#deps = deps;
    this.#organizationId = organizationId;
  }

  /**
   * To be called at the end of a transaction that has stored more, or has made an upload target: throws QUOTA_EXCEEDED if that
   * passes a bound, and the transaction must be undone. Until it ends, no other of the organization passes this. `added` names
   * the bounds that are looked at: whoever adds no bytes is not refused for them.
   *
   * @example
   * await quota?.assertWithin(manager, { bytes: size }, ['input', 'size']);
   */
  async assertWithin(manager: EntityManager, added: Added, loc: Loc): Promise<void> {
    await lockQuota(manager, this.#organizationId);
    const state = await this.#read(manager, '');
    const { taken, bounds } = state;
    for (const name of ['bytes', 'attachments'] as const) {
      const bound = bounds[name];
      if ((added[name] ?? 0) > 0 && bound !== null && taken[name] > bound) throw exceeded(name, bound, loc);
    }
    await this.#dropPreviews(manager, state, 0);
  }

  /**
   * To be called in the transaction that is to keep a preview of so many bytes: makes room for it in the place of older previews.
   * Returns whether there is room, now and until the transaction ends.
   */
  async makePreviewRoom(manager: EntityManager, bytes: number): Promise<boolean> {
    await lockQuota(manager, this.#organizationId);
    const state = await this.#read(manager, '');
    const { taken, bounds } = state;
    if (bounds.bytes !== null && taken.bytes + bytes > bounds.bytes) return false;
    await this.#dropPreviews(manager, state, bytes);
    return true;
  }

  /** The room for bytes just now; null for no bound of them. Reserves nothing. */
  async roomFor(loc: Loc): Promise<Room | null> {
    const { taken, bounds } = await this.#read(this.#deps.database.read, '');
    if (bounds.bytes === null) return null;
    return { bytes: Math.max(0, bounds.bytes - taken.bytes), exceeded: exceeded('bytes', bounds.bytes, loc) };
  }

  /** Throws QUOTA_EXCEEDED if so many bytes more could not be stored now. Reserves nothing. */
  async assertRoom(bytes: number, loc: Loc): Promise<void> {
    const room = await this.roomFor(loc);
    if (room && bytes > room.bytes) throw room.exceeded;
  }

  /** Throws QUOTA_EXCEEDED if there may not be so many attachments more, as the transaction sees it. */
  async assertAttachments(manager: EntityManager, attachments: number, loc: Loc): Promise<void> {
    const { taken, bounds } = await this.#read(manager, '');
    if (bounds.attachments !== null && taken.attachments + attachments > bounds.attachments)
      throw exceeded('attachments', bounds.attachments, loc);
  }

  /**
   * Reserves room for content, of so many bytes at first. Throws QUOTA_EXCEEDED. No attachment is counted: the content may be meant
   * for one that is there, and the transaction that makes one asserts their bound.
   */
  async reserve(bytes: number, loc: Loc): Promise<Reservation> {
    const { reservations } = this.#deps;
    const reservation = new Reservation(reservations, (id, least) => this.#grant(id, least, loc));
    await reservation.grow(bytes, { isExact: true });
    return reservation;
  }

  /** Gives a reservation so many bytes, or a few more. */
  async #grant(id: string, least: { bytes: number; isExact: boolean }, loc: Loc): Promise<number> {
    const { database, reservations } = this.#deps;
    const organizationId = this.#organizationId;
    return database.write(async (manager) => {
      await lockQuota(manager, organizationId);
      const state = await this.#read(manager, id);
      const { taken, bounds } = state;
      const free = (bounds.bytes ?? Number.MAX_SAFE_INTEGER) - taken.bytes;
      if (least.bytes > free && bounds.bytes !== null) throw exceeded('bytes', bounds.bytes, loc);
      const isPlenty = !least.isExact && free - least.bytes > plenty;
      const bytes = least.bytes + (isPlenty ? step : 0);
      await this.#dropPreviews(manager, state, bytes);
      await reservations.write(manager, { id, organizationId, bytes });
      return bytes;
    });
  }

  /** Deletes the oldest previews that are in the way of so many bytes more. */
  async #dropPreviews(
    manager: EntityManager,
    { taken, previews, bounds }: State,
    more: number,
  ): Promise<void> {
    if (bounds.bytes === null || previews === 0) return;
    const missing = taken.bytes + more + previews - bounds.bytes;
    await dropPreviews(manager, this.#organizationId, Math.min(missing, previews));
  }

  /** In one statement, hence of one moment. An upload target counts from its making on until an attachment uses its bytes. */
  async #read(manager: EntityManager, exceptId: string): Promise<State> {
    const { clock, quotaDefaults } = this.#deps;
    const sql = new Parameters(manager);
    const organization = sql.add(this.#organizationId);
    const text = `SELECT usage.bytes AS bytes, usage.attachments AS attachments, usage.previews AS previews, q.max_bytes, q.max_attachments,
        (SELECT COALESCE(SUM(bytes), 0) FROM reservations
          WHERE organization_id = ${organization} AND id <> ${sql.add(exceptId)}) AS reserved,
        (SELECT COALESCE(SUM(CASE WHEN deferred THEN received ELSE size END), 0) FROM upload_targets WHERE organization_id = ${organization} AND expires_at IS NOT NULL
          AND (state <> 'OPEN' OR expires_at > ${sql.add(clock().getTime())})) AS targeted
      FROM (${countersOf(organization)}) usage LEFT JOIN quotas q ON q.organization_id = ${organization}`;
    const [row] = await manager.query<Record<string, number | string | null>[]>(text, sql.values);
    const numberOf = (name: string) => Number(row?.[name] ?? 0);
    const own = (name: string) => (row?.[name] === null ? null : numberOf(name));
    const quota = Object.assign(new QuotaRow(), {
      maxBytes: own('max_bytes'),
      maxAttachments: own('max_attachments'),
    });
    return {
      taken: {
        bytes: numberOf('bytes') + numberOf('reserved') + numberOf('targeted'),
        attachments: numberOf('attachments'),
      },
      previews: numberOf('previews'),
      bounds: boundsOf(quota, quotaDefaults),
    };
  }
}

/** Each of several that store more sees what the one before has stored. On SQLite one transaction writes at a time. */
async function lockQuota(manager: EntityManager, organizationId: string): Promise<void> {
  if (!hasRowLocks(manager)) return;
  await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`quota ${organizationId}`]);
}

function exceeded(name: keyof Usage, limit: number, loc: Loc): AttachmentError {
  const message = `The organization may store at most ${limit} ${name}.`;
  const type = name === 'bytes' ? 'quota_bytes' : 'quota_attachments';
  return fault(type, loc, message, { message, limit });
}
