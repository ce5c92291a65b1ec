import { Arg, Args, Ctx, FieldResolver, Int, Resolver, Root } from 'type-graphql';
import { renderMarkdown } from '../../attachments/render-markdown.js';
import { decodeCursor, encodeCursor } from '../../database/cursor.js';
import { checkPageSize, toPage } from '../../database/page.js';
import type { GraphqlContext } from '../context.js';
import { Attachment, Digest, FormattedText } from '../types/attachment.js';
import { type ConnectionOf, toConnection } from '../types/connection.js';
import { DigestAlgorithm, Disposition } from '../types/enums.js';
import { PageArgs } from '../types/inputs.js';
import { Principal } from '../types/principal.js';
import {
  type AttachmentLink,
  AttachmentLinkConnection,
  RecordType,
  toAttachmentLink,
} from '../types/record.js';
import { Rejection } from '../types/rejection.js';
import { Url } from '../types/scalars.js';

const linkOrder = 'LINKS';

@Resolver(() => Attachment)
export class AttachmentFields {
  @FieldResolver(() => Digest)
  digest(
    @Root() { stored }: Attachment,
    @Arg('algorithm', () => DigestAlgorithm, { defaultValue: DigestAlgorithm.SHA256 })
    algorithm: DigestAlgorithm,
  ): Digest {
    return { algorithm, hash: algorithm === 'MD5' ? stored.blob.md5 : stored.blob.sha256 };
  }

  @FieldResolver(() => Rejection, { nullable: true, description: 'Why it was rejected; null otherwise.' })
  async rejection(
    @Root() { stored: { blob } }: Attachment,
    @Ctx() { loaders }: GraphqlContext,
  ): Promise<Rejection | null> {
    return blob.verdict === 'REJECTED' ? loaders.rejection.load(blob.id) : null;
  }

  @FieldResolver(() => RecordType, {
    nullable: true,
    description: 'The record that claimed it; null until then.',
  })
  record(@Root() { stored }: Attachment): RecordType | null {
    const { recordType, recordId } = stored.attachment;
    return recordType === null || recordId === null ? null : { type: recordType, id: recordId };
  }

  @FieldResolver(() => AttachmentLinkConnection)
  async links(
    @Root() { stored }: Attachment,
    @Args(() => PageArgs) { first, after }: PageArgs,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<AttachmentLink>> {
    const { loaders } = context;
    const { attachment, blob } = stored;
    const page = { first: first ?? 50, after: after ?? null };
    checkPageSize(page.first);
    context.spend(page.first);
    const afterFieldId = page.after === null ? '' : decodeCursor(linkOrder, page.after).id;
    const links = await loaders.linksOfAttachment.load({
      attachmentId: attachment.id,
      limit: page.first + 1,
      afterFieldId,
    });
    const fields = await Promise.all(links.map(({ fieldId }) => loaders.fieldById.load(fieldId)));
    const present = links.flatMap((link, index) => {
      const field = fields[index];
      return field ? [{ id: field.id, link: toAttachmentLink(link, field, blob.verdict) }] : [];
    });
    return toConnection(
      toPage(page, present, ({ id }) => encodeCursor(linkOrder, { value: 0, id })),
      ({ link }) => link,
      () => loaders.linkCount.load(attachment.id),
    );
  }

  @FieldResolver(() => Principal)
  async createdBy(@Root() { stored }: Attachment, @Ctx() { loaders }: GraphqlContext): Promise<Principal> {
    const id = stored.attachment.createdById;
    return (await loaders.principal.load(id)) ?? { id, kind: 'USER', name: null };
  }

  @FieldResolver(() => Url, { description: 'Stable; needs a credential.' })
  url(@Root() { stored }: Attachment, @Ctx() { deps }: GraphqlContext): string {
    return deps.urls.url(stored.attachment);
  }

  @FieldResolver(() => Url, {
    nullable: true,
    description:
      'Signed and short-lived; needs no credential. Null unless APPROVED. expiresIn in seconds, 1 to 604800.',
  })
  downloadUrl(
    @Root() { stored }: Attachment,
    @Arg('expiresIn', () => Int, { defaultValue: 300 }) expiresIn: number,
    @Arg('disposition', () => Disposition, { defaultValue: Disposition.ATTACHMENT }) disposition: Disposition,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): string | null {
    const url = deps.urls.signedUrl(stored.attachment, { expiresIn, disposition });
    // Whoever has the URL can use it, and bytes without a verdict are for nobody but their creator.
    const permitted = viewer.permissions.has('attachments:read') && stored.blob.verdict === 'APPROVED';
    return permitted ? url : null;
  }
}

@Resolver(() => FormattedText)
export class FormattedTextFields {
  @FieldResolver(() => String)
  html(@Root() { raw }: FormattedText): string {
    return renderMarkdown(raw);
  }
}
