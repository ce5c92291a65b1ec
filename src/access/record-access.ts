import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { lockForMove, lockWithFields } from '../database/lock-order.js';
import type { EntityManager } from '../database/typeorm.js';
import { errorTable, Faults, type Loc } from '../errors.js';
import { isSameRecord, maxPlaces, type RecordRef } from '../model/record.js';
import { notFound, type StoredAttachment } from '../model/stored-attachment.js';
import { allOf, anyOf, forbidden, throwUndecided, tooManyQuestions } from './answers.js';
import { type AccessLoaders, beforeLists } from './loaders.js';
import {
  type Creation,
  type DecidedDatabase,
  firstPlaces,
  type Move,
  type Names,
  namesOf,
  type Place,
  placesIn,
  placesOf,
  placesToLose,
  readPlaces,
  whileDecided,
} from './places.js';
import type { RecordAuthorizer } from './record-authorizer.js';

/** Different questions that one request may lead to. */
const maxQuestions = 10_000;

/**
 * Asks the record authorizer what a viewer may see and change, before anything is shown or written and outside of every
 * transaction. Each different question is asked once, until `forget` is called. All methods throw AUTHORIZER_UNAVAILABLE for what
 * cannot be decided: it is neither hidden nor shown. Whoever may view one place of an attachment sees it, and whoever may edit all
 * of them changes it. An attachment that is neither claimed nor linked is its creator's alone, and nobody is asked.
 */
export class RecordAccess {
  readonly #asked = new Set<string>();
  readonly #answers = new Map<string, Promise<boolean>>();
  #made: AccessLoaders | undefined;

  constructor(
    private readonly authorizer: RecordAuthorizer,
    private readonly viewer: Viewer,
    /** Called when loaders are first needed: many requests need none. */
    private readonly makeLoaders: () => AccessLoaders,
  ) {}

  get #loaders(): AccessLoaders {
    this.#made ??= this.makeLoaders();
    return this.#made;
  }

  /** False: everything is permitted, and nothing is hidden. */
  get isActive(): boolean {
    return this.authorizer.isActive;
  }

  /** How many different questions there were. */
  get asked(): number {
    return this.#asked.size;
  }

  /** Has what follows decided anew. */
  forget(): void {
    this.#answers.clear();
  }

  mayView(record: RecordRef, field: string | null): Promise<boolean> {
    return this.#ask('view', { record, field });
  }

  /** Those of `items` whose attachment may be viewed; with `record`, and that may be known to be in it, if they are. */
  async visible<Item extends StoredAttachment>(
    items: readonly Item[],
    record: RecordRef | null = null,
  ): Promise<ReadonlySet<Item>> {
    if (!this.isActive) return new Set(items);
    const views = await Promise.all(items.map((item) => this.#mayViewAttachment(item, record)));
    return new Set(items.filter((_, index) => views[index]));
  }

  /** Whether one of these may be viewed. */
  async seesAny(items: readonly StoredAttachment[]): Promise<boolean> {
    if (!this.isActive) return items.length > 0;
    return anyOf(items, (item) => this.#mayViewAttachment(item));
  }

  /** The attachment, or null where it may not be viewed. */
  async view(stored: StoredAttachment | null): Promise<StoredAttachment | null> {
    return stored && (await this.visible([stored])).has(stored) ? stored : null;
  }

  /** Throws FORBIDDEN where the viewer may not change the record, or this field of it. */
  async assertMayEdit(record: RecordRef, field: string | null, loc: Loc): Promise<void> {
    if (!(await this.#ask('edit', { record, field }))) throw forbidden(loc);
  }

  /** Returns the database to delete all of a record in. Throws FORBIDDEN unless all places may be edited that lose something. */
  async forRecord(database: Database, record: RecordRef, loc: Loc): Promise<DecidedDatabase> {
    if (!this.isActive) return database;
    const { readAll, ...reads } = placesToLose(this.viewer, record);
    const decide = async () => {
      const places = await beforeLists(database).list(this.viewer.organizationId, database.read, readAll);
      await this.#assertMayEditEach(places, loc);
      return namesOf(places);
    };
    return whileDecided(database, { first: await decide(), decide, ...reads, isLate: true });
  }

  /**
   * Returns the database in which a record gives an attachment to a place of another one. Throws FORBIDDEN unless the record, and
   * every field of it that holds the attachment, may be edited.
   */
  async forTransfer(
    database: Database,
    { attachmentId: id, from, to, field }: Move,
    loc: Loc,
  ): Promise<Database> {
    if (!this.isActive) return database;
    const own = (places: readonly Place[]): Place[] => [
      { record: from, field: null },
      ...places.filter(({ record }) => isSameRecord(record, from)),
    ];
    const decide = async () => {
      const stored = await this.#loaders.attachment.load(id);
      const places = own(stored ? await this.#placesOf(stored) : []);
      if (stored) await this.#assertMayEditEach(places, loc);
      return namesOf(places);
    };
    const read = async (manager: EntityManager) => {
      await lockForMove(manager, this.viewer, id, { record: to, names: field === null ? [] : [field] });
      return namesOf(own(await readPlaces(manager, this.viewer, id)));
    };
    return whileDecided(database, { first: await decide(), decide, read });
  }

  /** Throws NOT_FOUND for each of these that may not be viewed, or is not there: nobody learns which. */
  async assertVisible(ids: readonly string[], locOf: (index: number) => Loc): Promise<void> {
    if (!this.isActive) return;
    const hidden = await Promise.all(ids.map((id) => this.hides(id)));
    const faults = new Faults();
    for (const [index, isHidden] of hidden.entries())
      if (isHidden) faults.add('not_found', locOf(index), errorTable.NOT_FOUND.message);
    faults.throwIfAny();
  }

  /**
   * Throws NOT_FOUND if what was created earlier under an idempotency key may not be viewed now. Whoever may only write
   * gets the answer again as long as the attachment is where the creation has put it.
   */
  async assertMayReplay(stored: StoredAttachment, { record, field }: Creation): Promise<void> {
    if (!this.isActive || (await this.view(stored))) return;
    const places = await this.#placesOf(stored);
    const isPlace = (place: Place) =>
      record !== null && isSameRecord(place.record, record) && place.field === field;
    if (!places.some(isPlace)) throw notFound(['input', 'idempotencyKey']);
  }

  /** Those of these that may be viewed, in their order, as far as somebody decides. */
  async seen(ids: readonly string[]): Promise<readonly string[]> {
    if (!this.isActive) return ids;
    const hidden = await Promise.all(ids.map((id) => this.hides(id)));
    return ids.filter((_, index) => !hidden[index]);
  }

  /** Whether the viewer is to be told that there is no such attachment. */
  async hides(id: string): Promise<boolean> {
    return this.isActive && (await this.view(await this.#loaders.attachment.load(id))) === null;
  }

  /**
   * Returns the database for a change of the attachment, once it may be changed: it writes only while that is in places that the
   * authorizer was asked about, and asks about others. Throws NOT_FOUND where the attachment may not be viewed, FORBIDDEN where it may
   * not be changed. `anywhere`: also if it is in the trash; then it is held against the places that it was deleted from.
   */
  async forChange(
    database: Database,
    id: string,
    loc: Loc,
    where: 'attachment' | 'anywhere' = 'attachment',
  ): Promise<Database> {
    if (!this.isActive) return database;
    const decide = () => this.#decideChange(id, loc, where);
    const read = async (manager: EntityManager) => {
      await lockWithFields(manager, this.viewer, [id]);
      return namesOf(await readPlaces(manager, this.viewer, id));
    };
    return whileDecided(database, { first: await decide(), decide, read });
  }

  /** Returns the places for which it may be changed. They are read once: between two looks it could leave the last of them. */
  async #decideChange(id: string, loc: Loc, where: 'attachment' | 'anywhere'): Promise<Names> {
    const stored = await this.#loaders[where].load(id);
    const places = stored?.attachment.shared ? await this.#placesOf(stored) : [];
    if (!stored || !(await this.#sees(stored, places))) throw notFound(loc);
    await this.#assertMayEditEach(places, loc);
    if (places.length >= maxPlaces) throw forbidden(loc);
    return namesOf(places);
  }

  /** Asks about every place of the attachment beforehand, for what is shown of it after a change. Throws what is undecided. */
  async decidePlaces(id: string): Promise<void> {
    const stored = this.isActive ? await this.#loaders.attachment.load(id) : null;
    const places = stored ? await this.#placesOf(stored) : [];
    throwUndecided(await Promise.allSettled(places.map((place) => this.#ask('view', place))));
  }

  /** A no counts even if another place cannot be decided. */
  async #assertMayEditEach(places: readonly Place[], loc: Loc): Promise<void> {
    if (!(await allOf(places.map((place) => this.#ask('edit', place))))) throw forbidden(loc);
  }

  #ask(action: 'view' | 'edit', { record, field }: Place): Promise<boolean> {
    if (!this.isActive) return Promise.resolve(true);
    const key = JSON.stringify([action, record.type, record.id, field]);
    const known = this.#answers.get(key);
    if (known) return known;
    if (this.#asked.size >= maxQuestions && !this.#asked.has(key))
      return Promise.reject(tooManyQuestions(maxQuestions));
    this.#asked.add(key);
    const answer = this.authorizer.may(this.viewer, { action, record, field });
    this.#answers.set(key, answer);
    return answer;
  }

  async #mayViewAttachment(stored: StoredAttachment, within: RecordRef | null = null): Promise<boolean> {
    const places = stored.attachment.shared ? await this.#placesOf(stored) : [];
    const inside = within ? placesIn(within, stored, places) : [];
    if (inside.length === 0) return this.#sees(stored, places);
    const isKnown = anyOf(inside, ({ record, field }) => this.mayView(record, field));
    return allOf([isKnown, this.#sees(stored, places)]);
  }

  /** One that is in no place is its creator's, also if it was shared and has lost its last link without an owner. */
  #sees({ attachment }: StoredAttachment, places: readonly Place[]): Promise<boolean> {
    if (places.length === 0) return Promise.resolve(attachment.createdById === this.viewer.principal.id);
    return anyOf(places, ({ record, field }) => this.mayView(record, field));
  }

  #placesOf(stored: StoredAttachment): Promise<Place[]> {
    const { linksOfAttachment, fieldById } = this.#loaders;
    return placesOf(stored, {
      readLinks: (attachmentId) => linksOfAttachment.load({ attachmentId, ...firstPlaces }),
      readFields: (ids) => Promise.all(ids.map((id) => fieldById.load(id))),
    });
  }
}
