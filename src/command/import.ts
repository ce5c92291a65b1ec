import { setMaxListeners } from 'node:events';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import {
  checkImported,
  ensureCreator,
  findImported,
  type ImportedAttachment,
  importAttachment,
} from '../attachments/import-attachment.js';
import { findOrganization } from '../auth/identify.js';
import type { Viewer } from '../auth/viewer.js';
import type { Config } from '../config/config.js';
import { assertOwnUser } from '../config/files.js';
import { databaseFile } from '../database/sqlite.js';
import { AttachmentError } from '../errors.js';
import { intakeFromStream } from '../intake/from-stream.js';
import { limitFileSize } from '../policies/choose-policy.js';
import {
  creatorOf,
  type ImportDependencies,
  type ImportLine,
  type Item,
  type Positions,
  readItems,
  readLine,
  readPositions,
  toImported,
  withImportDependencies,
} from './import-line.js';
import { openPath, openUrl, Refused, readTar } from './import-source.js';
import { createProgressBar, describeFault, onOneLine, type ProgressBar } from './output.js';

export interface ImportOptions {
  /** The list's path. */
  from: string;
  /** The folder of the paths; null: the list's. */
  files: string | null;
  /** The files are in a tar archive on standard input. */
  tar: boolean;
  dryRun: boolean;
  json: boolean;
}

/** Lines under way at once. Their commits are shared. */
const concurrency = 16;

type Outcome = 'imported' | 'present' | 'deleted' | 'refused';

/** Imports the list; resolves with whether no line was refused. Throws if it cannot go on, also once the signal is aborted. */
export async function importList(
  config: Config,
  options: ImportOptions,
  signal: AbortSignal,
): Promise<boolean> {
  if (typeof config.storage === 'string' && !options.dryRun)
    await assertOwnUser(config.postgres ? config.dataDirectory : databaseFile(config.dataDirectory));
  return withImportDependencies(config, options.dryRun, async (deps) => {
    const bar = await createProgressBar(async () => (await stat(options.from)).size);
    try {
      const run = new ImportRun(deps, { config, options, signal, bar }, await readPositions(options.from));
      return await run.all();
    } finally {
      bar.end();
    }
  });
}

interface Surroundings {
  config: Config;
  options: ImportOptions;
  signal: AbortSignal;
  bar: ProgressBar;
}

class ImportRun {
  readonly #deps: ImportDependencies;
  readonly #around: Surroundings;
  readonly #positions: Positions;
  readonly #organizations = new Map<string, Promise<string | null>>();
  readonly #creators = new Set<string>();
  readonly #ids = new Set<string>();
  /** Attachments whose file in the archive is that of an earlier line. */
  readonly #tooLate = new Set<string>();
  readonly #counts: Record<Outcome, number> = { imported: 0, present: 0, deleted: 0, refused: 0 };

  constructor(deps: ImportDependencies, around: Surroundings, positions: Positions) {
    this.#deps = deps;
    this.#around = around;
    this.#positions = positions;
  }

  async all(): Promise<boolean> {
    const { options, signal } = this.#around;
    // Every line under way listens, and what it reads.
    setMaxListeners(0, signal);
    const items = options.tar ? this.#itemsOfTar() : readItems(options.from);
    const work = async () => {
      for (let next = await items.next(); !next.done; next = await items.next()) {
        signal.throwIfAborted();
        await this.#bring(next.value);
      }
    };
    // One file of an archive after the other, for it is a stream.
    const workers = Array.from({ length: options.tar ? 1 : concurrency }, work);
    const ended = await Promise.allSettled(workers);
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed && signal.aborted)
      throw new Error('Stopped before the end; the same command goes on from here.');
    if (failed) throw failed.reason;
    process.stdout.write(`${this.#summary()}\n`);
    return this.#counts.refused === 0;
  }

  #summary(): string {
    const { dryRun, json } = this.#around.options;
    if (json) return JSON.stringify({ ...this.#counts, dryRun });
    const { imported, present, deleted, refused } = this.#counts;
    const verb = dryRun ? 'would be imported' : 'imported';
    return `${imported} ${verb}, ${present} there before, ${deleted} deleted since, ${refused} refused.`;
  }

  async *#itemsOfTar(): AsyncGenerator<Item> {
    const items = new Map<string, Item>();
    for await (const item of readItems(this.#around.options.from)) {
      const read = readLine(item.text);
      const path = 'line' in read ? read.line.path : null;
      if ('line' in read && path != null && items.has(path)) this.#tooLate.add(read.line.id);
      if (path == null || items.has(path)) yield item;
      else items.set(path, item);
    }
    for await (const { path, content } of readTar(addAbortSignal(this.#around.signal, process.stdin))) {
      const item = items.get(path) ?? items.get(path.replace(/^\.\//, ''));
      if (!item) continue;
      items.delete(path);
      items.delete(path.replace(/^\.\//, ''));
      yield { ...item, content: Readable.from(content, { objectMode: false }) };
    }
    yield* items.values();
  }

  async #bring({ number, text, content }: Item): Promise<void> {
    const { bar, options } = this.#around;
    const read = readLine(text);
    const id = 'line' in read ? read.line.id : null;
    try {
      if ('reason' in read) throw new Refused(read.reason);
      this.#counts[await this.#bringLine(read.line, content)] += 1;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#counts.refused += 1;
      const reason = onOneLine(describeFault(error));
      bar.print(options.json ? JSON.stringify({ line: number, id, reason }) : `line ${number}: ${reason}`);
    } finally {
      content?.destroy();
      bar.advance(Buffer.byteLength(text) + 1);
    }
  }

  async #bringLine(line: ImportLine, content: Readable | undefined): Promise<Outcome> {
    if (this.#ids.has(line.id)) throw new Refused('id: an earlier line has the same');
    this.#ids.add(line.id);
    const organizationId = await this.#organizationOf(line);
    const viewer = creatorOf(line, organizationId);
    const imported = toImported(line, this.#positions);
    const { database } = this.#deps;
    if (imported.createdAt > this.#deps.clock()) throw new Refused('createdAt: it is in the future');
    const found = await findImported(database.read, viewer, imported);
    if (found === 'taken') throw new Refused('id: another attachment has it');
    const outcome = found === 'absent' ? await this.#bringNew(line, viewer, imported, content) : found;
    if (outcome !== 'deleted') await this.#keepCreator(viewer);
    return outcome;
  }

  /** Another process may bring the same meanwhile. */
  async #bringNew(
    line: ImportLine,
    viewer: Viewer,
    imported: ImportedAttachment,
    content: Readable | undefined,
  ): Promise<Outcome> {
    try {
      await this.#store(line, viewer, imported, content);
      return 'imported';
    } catch (error) {
      const found = await findImported(this.#deps.database.read, viewer, imported);
      if (found === 'present') return found;
      throw error;
    }
  }

  async #store(
    line: ImportLine,
    viewer: Viewer,
    imported: ImportedAttachment,
    given: Readable | undefined,
  ): Promise<void> {
    const { config, options, signal } = this.#around;
    const content = given ?? (await this.#open(line));
    try {
      const source = {
        ...{ organizationId: viewer.organizationId, content, fileName: line.fileName },
        maxSize: Math.min(config.maxFileSize, limitFileSize(this.#deps.policies, imported.input)),
        declaredType: line.contentType ?? null,
        toldSize: line.size ?? null,
      };
      const intake = await intakeFromStream(this.#deps, source, signal);
      if (!options.dryRun) return await importAttachment(this.#deps, viewer, imported, intake);
      await checkImported(this.#deps, viewer, imported, intake).finally(() =>
        this.#deps.storage.remove(intake.documentKey),
      );
    } finally {
      content.destroy();
    }
  }

  async #open({ id, path, url }: ImportLine): Promise<Readable> {
    const { config, options, signal } = this.#around;
    if (url != null) return openUrl(config, url, signal);
    if (options.tar && this.#tooLate.has(id)) throw new Refused('path: it is that of an earlier line');
    if (options.tar) throw new Refused('path: it is not in the archive');
    return openPath(options.files ?? dirname(options.from), path ?? '');
  }

  async #organizationOf({ organizationId: given }: ImportLine): Promise<string> {
    const known =
      this.#organizations.get(given) ??
      findOrganization(this.#deps.database.read, given).then((found) => found?.id ?? null);
    this.#organizations.set(given, known);
    const id = await known;
    if (id === null) throw new Refused('organizationId: there is no such organization');
    return id;
  }

  async #keepCreator(viewer: Viewer): Promise<void> {
    const { id: principalId, name } = viewer.principal;
    const key = JSON.stringify([viewer.organizationId, principalId, name]);
    if (this.#creators.has(key) || this.#around.options.dryRun) return;
    await ensureCreator(this.#deps, viewer);
    this.#creators.add(key);
  }
}

/** A fault of the line, not of the service or its surroundings. */
function isRefusal(error: unknown): boolean {
  return error instanceof Refused || (error instanceof AttachmentError && error.status < 500);
}
