import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import type { MarkdownRenderer } from '../markdown/markdown-renderer.js';
import { plainHtml } from '../markdown/plain-html.js';

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
async function store({ write }: Database, rows: readonly AttachmentRow[]): Promise<void> {
  if (rows.length === 0) return;
  await write(async (manager) => {
    for (const { id, organizationId, description, descriptionHtml = null } of rows)
      await manager.update(AttachmentRow, { id, organizationId, description }, { descriptionHtml });
  });
}
