import { listVisible } from '../access/list-visible.js';
import { refuseTotal } from '../access/record-access.js';
import { type AttachmentList, countAttachments, listAttachments } from '../attachments/list-attachments.js';
import type { PageRequest } from '../database/page.js';
import type { GraphqlContext } from './context.js';
import { type Attachment, toAttachment } from './types/attachment.js';
import { type ConnectionOf, toConnection } from './types/connection.js';

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
