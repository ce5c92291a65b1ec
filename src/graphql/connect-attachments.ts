import type { GraphQLResolveInfo, SelectionNode } from 'graphql';
import { refuseTotal } from '../access/answers.js';
import { listVisible, type Visibility } from '../access/list-visible.js';
import type { RecordAccess } from '../access/record-access.js';
import { countAttachments } from '../attachments/count-attachments.js';
import {
  type AttachmentList,
  cursorsOf,
  listAttachments,
  newestFirst,
} from '../attachments/list-attachments.js';
import type { Verdict } from '../database/entities/blob.js';
import type { RecordFieldRow } from '../database/entities/record-field.js';
import { type PageRequest, type ReadPage, readPage } from '../database/page.js';
import type { StoredLink } from '../links/link-attachments.js';
import type { RecordRef } from '../model/record.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import type { GraphqlContext } from './context.js';
import { type Attachment, toAttachment } from './types/attachment.js';
import { type ConnectionOf, connect } from './types/connection.js';
import { type AttachmentLink, type KnownField, type RecordField, toAttachmentLink } from './types/record.js';

/** One page of the attachments that the viewer may see. */
export function connectAttachments(
  context: GraphqlContext,
  request: PageRequest,
  list: AttachmentList,
): Promise<ConnectionOf<Attachment>> {
  const { viewer, access } = context;
  const read: ReadPage<StoredAttachment> = (page) =>
    context.list((lists) => listAttachments(lists, viewer, list, page));
  const { record } = list.filter;
  const visibility = { show: (items: readonly StoredAttachment[]) => access.visible(items, record) };
  return connect(request, withoutHidden(access, visibility, read), toAttachment, () =>
    access.isActive ? refuseTotal() : context.list((lists) => countAttachments(lists, viewer, list)),
  );
}

/** One page of what a record has claimed or links to, as far as the viewer may see it. */
export function connectRecord(
  { recordLists, access }: GraphqlContext,
  request: PageRequest,
  list: { record: RecordRef; status: readonly Verdict[] | undefined },
): Promise<ConnectionOf<Attachment>> {
  const read: ReadPage<StoredAttachment> = (page) =>
    readPage(page, cursorsOf(newestFirst), (stretch) => recordLists.read.load({ ...list, ...stretch }));
  const visibility = { show: (items: readonly StoredAttachment[]) => access.visible(items, list.record) };
  return connect(request, withoutHidden(access, visibility, read), toAttachment, () =>
    access.isActive ? refuseTotal() : recordLists.count.load(list),
  );
}

/** Pages without what the viewer may not see. */
function withoutHidden<Item>(
  access: RecordAccess,
  { show }: Pick<Visibility<Item>, 'show'>,
  read: ReadPage<Item>,
): ReadPage<Item> {
  if (!access.isActive) return read;
  return (request) => listVisible(request, read, { show, asked: () => access.asked });
}

const order = 'LINKS';

interface FoundLink {
  fieldId: string;
  link: AttachmentLink;
}

/** One page of the links of an attachment that the viewer may see. */
export function connectLinks(
  { loaders, access }: GraphqlContext,
  stored: StoredAttachment,
  request: PageRequest,
): Promise<ConnectionOf<AttachmentLink>> {
  const attachmentId = stored.attachment.id;
  const read: ReadPage<FoundLink> = (page) =>
    readPage(page, { order, positionOf: ({ fieldId: id }) => ({ value: 0, id }) }, async (stretch) => {
      const links = await loaders.linksOfAttachment.load({ attachmentId, ...stretch });
      const fields = await Promise.all(links.map(({ fieldId }) => loaders.fieldById.load(fieldId)));
      return links.flatMap((link, index) => {
        const field = fields[index];
        return field ? [{ fieldId: field.id, link: toAttachmentLink(link, field, stored) }] : [];
      });
    });
  const visibility = { show: (items: readonly FoundLink[]) => visibleLinks(access, items) };
  return connect(
    request,
    withoutHidden(access, visibility, read),
    ({ link }) => link,
    () => (access.isActive ? refuseTotal() : loaders.linkCount.load(attachmentId)),
  );
}

async function visibleLinks(
  access: RecordAccess,
  items: readonly FoundLink[],
): Promise<ReadonlySet<FoundLink>> {
  const views = await Promise.all(items.map(({ link }) => access.mayView(link.record.ref, link.field)));
  return new Set(items.filter((_, index) => views[index]));
}

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

/** Those of the attachments that have been rejected, in this order. Which of them the field holds may be known. */
export async function readRejected(
  attachmentIds: readonly string[],
  { linked = [] }: KnownField,
  { loaders }: GraphqlContext,
): Promise<StoredAttachment[]> {
  const known = new Map(linked.map(({ stored }) => [stored.attachment.id, stored]));
  const stored = await Promise.all(attachmentIds.map((id) => known.get(id) ?? loaders.attachment.load(id)));
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
