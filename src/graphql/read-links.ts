import type { GraphQLResolveInfo, SelectionNode } from 'graphql';
import type { RecordFieldRow } from '../database/entities/record-field.js';
import type { StoredLink } from '../links/link-attachments.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import type { GraphqlContext } from './context.js';
import { type AttachmentLink, type RecordField, toAttachmentLink } from './types/record.js';

/** The field's row; null where it was never linked to, or may not be viewed. */
export async function readField(
  { record: { ref }, name, known: { row } }: RecordField,
  { loaders, access }: GraphqlContext,
): Promise<RecordFieldRow | null> {
  if (!(await access.mayView(ref, name))) return null;
  return row === undefined ? loaders.field.load({ record: ref, name }) : row;
}

/** A field's links in order, rejected ones left out. */
export async function readLinks(field: RecordField, context: GraphqlContext): Promise<AttachmentLink[]> {
  const row = await readField(field, context);
  if (!row) return [];
  const links = field.known.linked ?? (await readStored(row, context));
  return links
    .map(({ stored, position }) => toAttachmentLink({ position }, row, stored))
    .filter(({ state }) => state !== 'REJECTED');
}

/** Those of the attachments that have been rejected, in this order. A rejected attachment has left every field. */
export async function readRejected(
  attachmentIds: readonly string[],
  { loaders }: GraphqlContext,
): Promise<StoredAttachment[]> {
  const stored = await Promise.all(attachmentIds.map((id) => loaders.attachment.load(id)));
  return stored.flatMap((one) => (one?.blob.verdict === 'REJECTED' ? one : []));
}

/** One that is deleted between the two statements is left out. */
async function readStored({ id }: RecordFieldRow, context: GraphqlContext): Promise<StoredLink[]> {
  const { loaders } = context;
  const links = await loaders.linksOfField.load(id);
  context.spend(links.length);
  const found = await Promise.all(links.map(({ attachmentId }) => loaders.attachment.load(attachmentId)));
  return links.flatMap(({ position }, index) => {
    const stored = found[index];
    return stored ? [{ position, stored }] : [];
  });
}

/**
 * To be called before a change of the attachment: `links` in its answer cannot be null, so what cannot be decided after the
 * change would take the whole answer with it. Throws AUTHORIZER_UNAVAILABLE; asks nothing if the answer has no links.
 */
export async function decideLinks(
  attachmentId: string,
  { access }: GraphqlContext,
  info: GraphQLResolveInfo,
): Promise<void> {
  if (access.isActive && selects('links', info)) await access.decidePlaces(attachmentId);
}

/** Whether a field of this name is asked for anywhere below. */
function selects(name: string, { fieldNodes, fragments }: GraphQLResolveInfo): boolean {
  const seen = new Set<string>();
  const isOrHas = (node: SelectionNode): boolean => {
    if (node.kind === 'FragmentSpread') {
      const fragment = seen.has(node.name.value) ? undefined : fragments[node.name.value];
      seen.add(node.name.value);
      return fragment?.selectionSet.selections.some(isOrHas) ?? false;
    }
    if (node.kind === 'Field' && node.name.value === name) return true;
    return node.selectionSet?.selections.some(isOrHas) ?? false;
  };
  return fieldNodes.some(isOrHas);
}
