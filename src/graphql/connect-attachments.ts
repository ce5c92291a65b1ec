import { listVisible, type Visibility } from '../access/list-visible.js';
import { type RecordAccess, refuseTotal } from '../access/record-access.js';
import {
  type AttachmentList,
  countAttachments,
  cursorsOf,
  listAttachments,
  newestFirst,
} from '../attachments/list-attachments.js';
import type { Verdict } from '../database/entities/blob.js';
import { type PageRequest, type ReadPage, readPage } from '../database/page.js';
import type { RecordRef } from '../model/record.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import type { GraphqlContext } from './context.js';
import { type Attachment, toAttachment } from './types/attachment.js';
import { type ConnectionOf, connect } from './types/connection.js';
import { type AttachmentLink, toAttachmentLink } from './types/record.js';

/** One page of the attachments that the viewer may see. */
export function connectAttachments(
  context: GraphqlContext,
  request: PageRequest,
  list: AttachmentList,
): Promise<ConnectionOf<Attachment>> {
  const { viewer, access } = context;
  const read: ReadPage<StoredAttachment> = (page) =>
    context.list((lists) => listAttachments(lists, viewer, list, page));
  const visibility = { show: (items: readonly StoredAttachment[]) => access.visible(items) };
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
  const visibility = { show: (items: readonly StoredAttachment[]) => access.visible(items) };
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
