import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { type AttachmentError, errorTable, Faults, fault, type Loc } from '../errors.js';
import { isSameRecord, type RecordRef } from '../model/record.js';
import { notFound, type StoredAttachment } from '../model/stored-attachment.js';
import type { AccessLoaders } from './loaders.js';
import { firstPlaces, maxPlaces, nameOfPlaces, type Place, placesOf, whileInPlaces } from './places.js';
import type { RecordAuthorizer } from './record-authorizer.js';

/** The place at which an input asks to create an attachment. */
interface Creation {
  record: RecordRef | null;
  field: string | null;
}

/** Different questions that one request may lead to. */
const maxQuestions = 10_000;

/**
 * Asks the record authorizer what a viewer may see and change, before anything is shown or written and outside of every
 * transaction. Each different question is asked once; make another one of these for what is to be decided anew. All methods
 * throw AUTHORIZER_UNAVAILABLE for what cannot be decided: it is neither hidden nor shown. Whoever may view one place of an
 * attachment sees it, and whoever may edit all of them changes it. An attachment
 * that is neither claimed nor linked is its creator's alone, and nobody is asked.
 */
export class RecordAccess {
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
    return this.#answers.size;
  }

  mayView(record: RecordRef, field: string | null): Promise<boolean> {
    return this.#ask('view', { record, field });
  }

  /** Those of `items` whose attachment may be viewed. */
  async visible<Item extends StoredAttachment>(items: readonly Item[]): Promise<ReadonlySet<Item>> {
    if (!this.isActive) return new Set(items);
    const views = await Promise.all(items.map((item) => this.#mayViewAttachment(item)));
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

  /** The same for a record and every field that it has. */
  async assertMayEditAll(record: RecordRef, loc: Loc): Promise<void> {
    if (!this.isActive) return;
    const fields = await this.#loaders.fieldsOfRecord.load(record);
    await this.#assertMayEditEach(
      [null, ...fields.map(({ name }) => name)].map((field) => ({ record, field })),
      loc,
    );
  }

  /** The same for a record that gives an attachment away, and every field of it that holds that. */
  async assertMayTake(id: string, record: RecordRef, loc: Loc): Promise<void> {
    const stored = this.isActive ? await this.#loaders.attachment.load(id) : null;
    if (!stored) return;
    const places = (await this.#placesOf(stored)).filter((place) => isSameRecord(place.record, record));
    await this.#assertMayEditEach([{ record, field: null }, ...places], loc);
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
      place.record.type === record?.type && place.record.id === record.id && place.field === field;
    if (!places.some(isPlace)) throw notFound(['input', 'idempotencyKey']);
  }

  /** Whether the viewer is to be told that there is no such attachment. */
  async hides(id: string): Promise<boolean> {
    return this.isActive && (await this.view(await this.#loaders.attachment.load(id))) === null;
  }

  /**
   * Returns the database for a change of the attachment, once it may be changed: it writes only while that is where it was when the
   * authorizer was asked, and asks anew if it is not. Throws NOT_FOUND where the attachment may not be viewed, FORBIDDEN where it may
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
    return whileInPlaces(database, this.viewer, id, { first: await decide(), decide });
  }

  /** Returns the places for which it may be changed, by `nameOfPlaces`. */
  async #decideChange(id: string, loc: Loc, where: 'attachment' | 'anywhere'): Promise<string> {
    const stored = await this.view(await this.#loaders[where].load(id));
    if (!stored) throw notFound(loc);
    const places = await this.#placesOf(stored);
    if (!stored.attachment.shared) return nameOfPlaces(stored, places);
    await this.#assertMayEditEach(places, loc);
    if (places.length >= maxPlaces) throw forbidden(loc);
    return nameOfPlaces(stored, places);
  }

  /** Asks about every place of the attachment beforehand, for what is shown of it after a change. Throws what is undecided. */
  async decidePlaces(id: string): Promise<void> {
    const stored = this.isActive ? await this.#loaders.attachment.load(id) : null;
    const places = stored ? await this.#placesOf(stored) : [];
    throwUndecided(await Promise.allSettled(places.map((place) => this.#ask('view', place))));
  }

  /** A no counts even if another place cannot be decided. */
  async #assertMayEditEach(places: readonly Place[], loc: Loc): Promise<void> {
    const edits = await Promise.allSettled(places.map((place) => this.#ask('edit', place)));
    if (edits.some((edit) => edit.status === 'fulfilled' && !edit.value)) throw forbidden(loc);
    throwUndecided(edits);
  }

  #ask(action: 'view' | 'edit', { record, field }: Place): Promise<boolean> {
    if (!this.isActive) return Promise.resolve(true);
    const key = JSON.stringify([action, record.type, record.id, field]);
    const known = this.#answers.get(key);
    if (known) return known;
    if (this.#answers.size >= maxQuestions) return Promise.reject(tooManyQuestions());
    const answer = this.authorizer.may(this.viewer, { action, record, field });
    this.#answers.set(key, answer);
    return answer;
  }

  /** One that was shared and has lost its last link without an owner is nowhere: then it is its creator's again. */
  async #mayViewAttachment(stored: StoredAttachment): Promise<boolean> {
    const { shared, createdById } = stored.attachment;
    const isCreators = createdById === this.viewer.principal.id;
    if (!shared) return isCreators;
    const places = await this.#placesOf(stored);
    if (places.length === 0) return isCreators;
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

/**
 * Whether one of these may be: asked in waves, so that the first yes spares the others. A yes counts even if others cannot be
 * decided; without one this throws what they threw.
 */
async function anyOf<Item>(items: readonly Item[], may: (item: Item) => Promise<boolean>): Promise<boolean> {
  const undecided: PromiseSettledResult<boolean>[] = [];
  for (let from = 0, size = 1; from < items.length; from += size, size *= 8) {
    const answers = await Promise.allSettled(items.slice(from, from + size).map(may));
    if (answers.some((answer) => answer.status === 'fulfilled' && answer.value)) return true;
    undecided.push(...answers);
  }
  throwUndecided(undecided);
  return false;
}

function throwUndecided(answers: readonly PromiseSettledResult<boolean>[]): void {
  for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
}

function tooManyQuestions(): AttachmentError {
  const message = `The operation leads to more than ${maxQuestions} different questions to the record authorizer.`;
  return fault('too_many_questions', ['query'], message, { message, limit: maxQuestions });
}

function forbidden(loc: Loc): AttachmentError {
  const message = 'You may not change this record.';
  return fault('record_not_editable', loc, message, { message });
}

/** FORBIDDEN, for a total while an authorizer decides: it would count what it hides. */
export async function refuseTotal(): Promise<never> {
  const message = 'There is no total while a record authorizer decides what is shown.';
  throw fault('total_hidden', ['totalCount'], message, { message });
}
