import { Arg, Args, Ctx, FieldResolver, Int, Resolver, Root } from 'type-graphql';
import { makerOf } from '../../auth/url-makers.js';
import { toPageRequest } from '../../database/page.js';
import { connectLinks } from '../connect-attachments.js';
import type { GraphqlContext } from '../context.js';
import { Attachment, Digest, FormattedText } from '../types/attachment.js';
import type { ConnectionOf } from '../types/connection.js';
import { DigestAlgorithm, Disposition } from '../types/enums.js';
import { PageArgs } from '../types/inputs.js';
import { Rejection } from '../types/payloads.js';
import { Principal } from '../types/principal.js';
import { type AttachmentLink, AttachmentLinkConnection, HostRecord, toHostRecord } from '../types/record.js';
import { Url } from '../types/scalars.js';

@Resolver(() => Attachment)
export class AttachmentFields {
  @FieldResolver(() => Digest, {
    description: 'A hash of the stored bytes. It is found while they arrive, so asking for it costs nothing.',
  })
  digest(
    @Root() { stored }: Attachment,
    @Arg('algorithm', () => DigestAlgorithm, {
      description: 'The hash function.',
      defaultValue: DigestAlgorithm.SHA256,
    })
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

  @FieldResolver(() => HostRecord, {
    nullable: true,
    description: 'The record that claimed it; null until then.',
  })
  async record(
    @Root() { stored }: Attachment,
    @Ctx() { access }: GraphqlContext,
  ): Promise<HostRecord | null> {
    const { recordType, recordId } = stored.attachment;
    if (recordType === null || recordId === null) return null;
    const record = { type: recordType, id: recordId };
    return (await access.mayView(record, null)) ? toHostRecord(record) : null;
  }

  @FieldResolver(() => AttachmentLinkConnection, {
    description: "The places in records' fields that hold it, as far as the viewer may see them.",
  })
  async links(
    @Root() { stored }: Attachment,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<AttachmentLink>> {
    const request = toPageRequest(page);
    context.spend(request.size);
    return connectLinks(context, stored, request);
  }

  @FieldResolver(() => Principal, { description: 'The principal whose credential uploaded or copied it.' })
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
    @Arg('expiresIn', () => Int, {
      description: 'Seconds that the URL lives at least, 1 to 604800 (7 days).',
      defaultValue: 300,
    })
    expiresIn: number,
    @Arg('disposition', () => Disposition, {
      description: 'INLINE is honoured only for types that cannot harm a reader; others are still saved.',
      defaultValue: Disposition.ATTACHMENT,
    })
    disposition: Disposition,
    @Ctx() { deps, viewer, access, budget }: GraphqlContext,
  ): Promise<string | null> {
    return budget.once(`${stored.attachment.id} ${expiresIn} ${disposition}`, async () => {
      const url = deps.urls.signedUrl(stored.attachment, { expiresIn, disposition, maker: makerOf(viewer) });
      // Whoever has the URL can use it, and bytes without a verdict are for nobody but their creator.
      const permitted = viewer.permissions.has('attachments:read') && stored.blob.verdict === 'APPROVED';
      return permitted && (await access.view(stored)) ? url : null;
    });
  }
}

@Resolver(() => FormattedText)
export class FormattedTextFields {
  @FieldResolver(() => String, {
    description: 'Sanitized HTML without remote images. It is made once, when the text is written.',
  })
  async html(@Root() { attachment }: FormattedText, @Ctx() context: GraphqlContext): Promise<string> {
    return attachment.descriptionHtml ?? context.descriptions.load(attachment);
  }
}
