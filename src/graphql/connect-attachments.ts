import { listVisible } from '../access/list-visible.js';
import { type RecordAccess, refuseTotal } from '../access/record-access.js';
import { type AttachmentList, countAttachments, listAttachments } from '../attachments/list-attachments.js';
import { decodeCursor, encodeCursor } from '../database/cursor.js';
import { checkPageSize, type Page, type PageRequest, toPage } from '../database/page.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import type { GraphqlContext } from './context.js';
import { type Attachment, toAttachment } from './types/attachment.js';
import { type ConnectionOf, toConnection } from './types/connection.js';
import { type AttachmentLink, toAttachmentLink } from './types/record.js';

/** One page of the attachments that the viewer may see. */
export async function connectAttachments(
  context: GraphqlContext,
  request: PageRequest,
  list: Omit<AttachmentList, keyof PageRequest>,
): Promise<ConnectionOf<Attachment>> {
  const { viewer, access } = context;
  const readPage = (page: PageRequest) =>
    context.list((read) => listAttachments(read, viewer, { ...page, ...list }));
  if (access.isActive) {
    const page = await listVisible(request, readPage, {
      show: (items) => access.visible(items),
      asked: () => access.asked,
    });
    return toConnection(page, toAttachment, refuseTotal);
  }
  return toConnection(await readPage(request), toAttachment, () =>
    context.list((read) => countAttachments(read, viewer, list.filter)),
  );
}

const order = 'LINKS';

interface FoundLink {
  fieldId: string;
  link: AttachmentLink;
}

/** One page of the links of an attachment that the viewer may see. */
export async function connectLinks(
  { loaders, access }: GraphqlContext,
  stored: StoredAttachment,
  request: PageRequest,
): Promise<ConnectionOf<AttachmentLink>> {
  const readPage = async ({ first, after }: PageRequest): Promise<Page<FoundLink>> => {
    checkPageSize(first);
    const afterFieldId = after === null ? '' : decodeCursor(order, after).id;
    const slice = { attachmentId: stored.attachment.id, limit: first + 1, afterFieldId };
    const links = await loaders.linksOfAttachment.load(slice);
    const fields = await Promise.all(links.map(({ fieldId }) => loaders.fieldById.load(fieldId)));
    const found = links.flatMap((link, index) => {
      const field = fields[index];
      return field ? [{ fieldId: field.id, link: toAttachmentLink(link, field, stored) }] : [];
    });
    return toPage({ first, after }, found, ({ fieldId: id }) => encodeCursor(order, { value: 0, id }));
  };
  if (access.isActive) {
    const page = await listVisible(request, readPage, {
      show: (items) => visibleLinks(access, items),
      asked: () => access.asked,
    });
    return toConnection(page, ({ link }) => link, refuseTotal);
  }
  const count = () => loaders.linkCount.load(stored.attachment.id);
  return toConnection(await readPage(request), ({ link }) => link, count);
}

async function visibleLinks(
  access: RecordAccess,
  items: readonly FoundLink[],
): Promise<ReadonlySet<FoundLink>> {
  const views = await Promise.all(items.map(({ link }) => access.mayView(link.record.ref, link.field)));
  return new Set(items.filter((_, index) => views[index]));
}
