import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { charactersIn } from '../content-types/file-names.js';
import type { Database } from '../database/database.js';
import { AttachmentRow, type TextFormat } from '../database/entities/attachment.js';
import { In } from '../database/typeorm.js';
import { characterFault, type FaultDetail, type Faults } from '../errors.js';
import type { MarkdownRenderer } from '../markdown/markdown-renderer.js';
import { plainHtml, renderingFaults } from '../markdown/rendering.js';
import { type AttachmentTable, tableOf } from '../model/stored-attachment.js';

export interface RenderStoredDependencies {
  database: Database;
  renderer: Pick<MarkdownRenderer, 'render'>;
}

/** Few, so that little is lost if the process ends. */
const batchSize = 20;

/** After so many faults something is wrong with the renderer, and not with the texts. */
const maxFaults = 20;

/** A tenant of its own on the rendering thread: all old descriptions together wait like one more organization. */
const background = { organizationId: '', principalId: '' };

/**
 * Renders the descriptions that have no HTML yet, as those that an earlier version stored, and returns how many. What cannot
 * be rendered within the limits is stored as it was typed, escaped. A text at which the renderer breaks keeps no other from
 * being rendered, and is tried again the next time; then this throws. Once all are rendered this costs one look at an index.
 */
export async function renderStored(deps: RenderStoredDependencies, signal: AbortSignal): Promise<number> {
  let count = 0;
  let last = '';
  const faults: unknown[] = [];
  while (!signal.aborted && faults.length < maxFaults) {
    const rows = await findUnrendered(deps.database, last);
    const rendered: AttachmentRow[] = [];
    for (const row of rows) {
      try {
        rendered.push(Object.assign(row, { descriptionHtml: await render(deps, row, signal) }));
      } catch (error) {
        if (signal.aborted) break;
        faults.push(error);
      }
    }
    await store(deps.database, rendered);
    count += rendered.length;
    last = rows.at(-1)?.id ?? last;
    if (rows.length < batchSize) break;
  }
  if (faults.length > 0) throw faults[0];
  return count;
}

/** In the words of the index, for SQLite recognizes it by nothing else. */
function findUnrendered({ read }: Database, after: string): Promise<AttachmentRow[]> {
  return read
    .createQueryBuilder(AttachmentRow, 'a')
    .select(['a.id', 'a.organizationId', 'a.description'])
    .where('a.description IS NOT NULL AND a.description_html IS NULL AND a.id > :after', { after })
    .orderBy('a.id')
    .limit(batchSize)
    .getMany();
}

/** Throws what the renderer throws, and once `signal` says to stop, at which the renderer may be closed too. */
async function render(
  { renderer }: RenderStoredDependencies,
  { description }: AttachmentRow,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  const text = description ?? '';
  const rendering = await renderer.render(background, text);
  return 'html' in rendering ? rendering.html : plainHtml(text);
}

/** Unless the description has changed, and so been rendered, meanwhile. */
async function store({ writeInBackground }: Database, rows: readonly AttachmentRow[]): Promise<void> {
  if (rows.length === 0) return;
  await writeInBackground(async (manager) => {
    for (const { id, organizationId, description, descriptionHtml = null } of rows)
      await manager.update(AttachmentRow, { id, organizationId, description }, { descriptionHtml });
  });
}

type Description = Pick<AttachmentRow, 'description' | 'descriptionHtml'>;

/** The descriptions of these attachments with their HTML, by id. Each can have 100,000 characters: ask for few at a time. */
export async function readDescriptions(
  manager: EntityManager,
  { organizationId }: Viewer,
  ids: readonly string[],
  table: AttachmentTable = AttachmentRow,
): Promise<Map<string, Description>> {
  const rows = await manager.find(table, {
    select: { id: true, organizationId: true, description: true, descriptionHtml: true },
    where: { id: In([...ids]) },
  });
  // By id alone, as attachments are read elsewhere too.
  const own = rows.filter((row) => row.organizationId === organizationId);
  return new Map(own.map((row) => [row.id, row]));
}

/**
 * The HTML of the descriptions that these rows have. One that is not rendered yet, or has been changed since its row was read,
 * is shown as it was typed: nothing is rendered here.
 */
export async function readDescriptionHtml(
  manager: EntityManager,
  viewer: Viewer,
  rows: readonly AttachmentRow[],
): Promise<string[]> {
  const stored = new Map<string, Description>();
  for (const table of new Set(rows.map(tableOf))) {
    const ids = rows.filter((row) => tableOf(row) === table).map(({ id }) => id);
    for (const [id, found] of await readDescriptions(manager, viewer, ids, table)) stored.set(id, found);
  }
  return rows.map(({ id, description }) => {
    const found = stored.get(id);
    const html = found?.description === description ? found?.descriptionHtml : null;
    return html ?? plainHtml(description ?? '');
  });
}

/** Characters, as `charactersIn` counts them. */
export const maxDescriptionLength = 10_000;

/** A description's HTML, or why it is refused; `html` is null without a description. */
export type RenderedDescription =
  | { html: string | null }
  | { fault: Omit<FaultDetail, 'loc'> & { limit?: number } };

/** A description, and how it is read. */
export interface Described {
  description: string | null;
  descriptionFormat: TextFormat;
}

/** Renders what a viewer gives as a description, Markdown when it is the viewer's turn. Throws RATE_LIMITED. Not for a transaction. */
export async function renderDescription(
  renderer: Pick<MarkdownRenderer, 'render'>,
  { organizationId, principal }: Viewer,
  { description, descriptionFormat }: Described,
): Promise<RenderedDescription> {
  if (description === null) return { html: null };
  const length = charactersIn(description);
  if (length > maxDescriptionLength) {
    const msg = `The description has ${length} characters; at most ${maxDescriptionLength} are allowed.`;
    return { fault: { type: 'too_long', msg, limit: maxDescriptionLength } };
  }
  const fault = characterFault(description);
  if (fault) return { fault };
  if (descriptionFormat === 'PLAIN') return { html: plainHtml(description) };
  const rendered = await renderer.render({ organizationId, principalId: principal.id }, description);
  if ('html' in rendered) return rendered;
  const { fault: type } = rendered;
  return { fault: { type, ...renderingFaults[type] } };
}

/** The HTML. If there is none, notes that as a fault of `input.description`. */
export function checkDescription(faults: Faults, rendered: RenderedDescription): string | null {
  if ('html' in rendered) return rendered.html;
  const { type, msg, limit } = rendered.fault;
  faults.add(type, ['input', 'description'], msg, { limit });
  return null;
}
