import { type AttachmentList, countAttachments, listAttachments } from '../attachments/list-attachments.js';
import type { PageRequest } from '../database/page.js';
import type { GraphqlContext } from './context.js';
import { listVisible } from './list-visible.js';
import { refuseTotal } from './record-access.js';
import { type Attachment, toAttachment } from './types/attachment.js';
import { type ConnectionOf, toConnection } from './types/connection.js';

/** One page of the attachments that the viewer may see. */
export async function connectAttachments(
  { reader, viewer, access }: GraphqlContext,
  request: PageRequest,
  list: Omit<AttachmentList, keyof PageRequest>,
): Promise<ConnectionOf<Attachment>> {
  const readPage = (page: PageRequest) => listAttachments(reader, viewer, { ...page, ...list });
  if (access.isActive) {
    const page = await listVisible(request, readPage, (items) => access.visible(items));
    return toConnection(page, toAttachment, refuseTotal);
  }
  return toConnection(await readPage(request), toAttachment, () =>
    countAttachments(reader, viewer, list.filter),
  );
}
