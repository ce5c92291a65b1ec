import { Arg, Args, Ctx, FieldResolver, Int, Resolver, Root } from 'type-graphql';
import { makerOf } from '../../auth/attachment-urls.js';
import type { BlobRow } from '../../database/entities/blob.js';
import { toPageRequest } from '../../database/page.js';
import { isServed, type StoredAttachment } from '../../model/stored-attachment.js';
import {
  hasPreview,
  isPicture,
  type PictureSize,
  type PreviewSize,
  variantName,
} from '../../previews/preview.js';
import { connectLinks } from '../connect-attachments.js';
import type { GraphqlContext } from '../context.js';
import { Attachment, Digest, FormattedText, ImageInfo } from '../types/attachment.js';
import { type ConnectionOf, Url } from '../types/connection.js';
import { Principal } from '../types/credentials.js';
import { DigestAlgorithm, Disposition, PreviewFit, PreviewFormat } from '../types/enums.js';
import { PageArgs } from '../types/inputs.js';
import { Rejection } from '../types/payloads.js';
import { type AttachmentLink, AttachmentLinkConnection, HostRecord, toHostRecord } from '../types/record.js';
import { loadPrincipal } from './load-principal.js';

const inputs = {
  algorithm: { description: 'The hash function.', defaultValue: DigestAlgorithm.SHA256 },
  expiresIn: {
    description: 'Seconds that the URL lives at least, 1 to 604800 (7 days).',
    defaultValue: 300,
  },
  disposition: {
    description: 'INLINE is honoured only for types that cannot harm a reader; others are still saved.',
    defaultValue: Disposition.ATTACHMENT,
  },
};

@Resolver(() => Attachment)
export class AttachmentFields extends contentFields({
  type: Attachment,
  descriptions: {
    digest: 'A hash of the stored bytes. It is found while they arrive, so asking for it costs nothing.',
    createdBy: 'The principal whose credential uploaded or copied it.',
    downloadUrl:
      'Signed and short-lived; needs no credential. Null unless APPROVED, if it is damaged, and in the trash. expiresIn in seconds, 1 to 604800.',
  },
  factsOf: ({ stored }) => ({ stored, blob: stored.blob, named: stored.attachment }),
}) {
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

  @FieldResolver(() => String, {
    description:
      'Proof that it is stored: a compact JWS (EdDSA) over id, organization, name, size, type, hashes and times. `/.well-known/jwks.json` has the keys.',
  })
  receipt(@Root() { stored }: Attachment, @Ctx() { deps, budget }: GraphqlContext): Promise<string> {
    return budget.once(`${stored.attachment.id} receipt`, () => deps.receipts.stored(stored));
  }

  @FieldResolver(() => Url, { description: 'Stable; needs a credential.' })
  url(@Root() { stored }: Attachment, @Ctx() { deps }: GraphqlContext): string {
    return deps.urls.url(stored.attachment);
  }
}

@Resolver(() => Attachment)
export class PictureFields {
  @FieldResolver(() => ImageInfo, {
    nullable: true,
    description: 'Null unless it is a picture and APPROVED, and if it is damaged.',
  })
  async image(
    @Root() { stored }: Attachment,
    @Ctx() { deps, viewer, loaders }: GraphqlContext,
  ): Promise<PictureSize | null> {
    const { attachment, blob } = stored;
    if (!isPicture(attachment.contentType) || blob.verdict !== 'APPROVED') return null;
    if (blob.damagedAt !== null) return null;
    const owner = { organizationId: viewer.organizationId, principalId: viewer.principal.id };
    return deps.previews.measure(owner, stored, await loaders.picture.load(blob.id));
  }

  @FieldResolver(() => Url, {
    nullable: true,
    description:
      'A signed link to a smaller picture of it, without metadata such as a place; of a PDF, of its first page. Null unless it is APPROVED and a picture or PDF, if it is damaged, and in the trash.',
  })
  preview(
    @Root() { stored }: Attachment,
    @Arg('expiresIn', () => Int, {
      description: 'Seconds that the URL lives at least, 1 to 604800 (7 days).',
      defaultValue: 3_600,
    })
    expiresIn: number,
    @Arg('fit', () => PreviewFit, {
      description: 'The way it is made to fit the square.',
      defaultValue: PreviewFit.INSIDE,
    })
    fit: PreviewFit,
    @Arg('format', () => PreviewFormat, {
      description: 'The format of the smaller picture.',
      defaultValue: PreviewFormat.WEBP,
    })
    format: PreviewFormat,
    @Arg('size', () => Int, {
      description: 'Pixels of the side of the square: 64, 128, 256, 512, 1024 or 2048.',
      defaultValue: 256,
    })
    size: PreviewSize,
    @Ctx() { deps, viewer, access, budget }: GraphqlContext,
  ): Promise<string | null> {
    const { attachment, blob } = stored;
    const name = variantName({ size, fit, format });
    return budget.once(`${attachment.id} ${expiresIn} ${name}`, async () => {
      const preview = { id: attachment.id, blobId: blob.id, name };
      const url = deps.previewUrls.signedUrl(preview, { expiresIn, maker: makerOf(viewer) });
      const permitted = viewer.permissions.has('attachments:read') && isServed(stored);
      return permitted && hasPreview(attachment.contentType) && (await access.view(stored)) ? url : null;
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

/** The rows that fields of a content are read from. */
interface ContentFacts {
  /** The attachment that it is of, which decides who may have it. */
  stored: StoredAttachment;
  blob: Pick<BlobRow, 'md5' | 'sha256' | 'verdict' | 'damagedAt'>;
  /** Its name, and who brought it. A version is in the link to what is current, so that no cache takes another content for it. */
  named: { fileName: string; createdById: string; version?: number };
  /** The id of this content, if a link is to be for it alone. */
  contentId?: string;
}

interface ContentFieldOptions<Root> {
  type: new () => Root;
  descriptions: { digest: string; createdBy: string; downloadUrl: string };
  factsOf(root: Root): ContentFacts;
}

/** The fields that an attachment has for its content, and each of its versions for its own. A resolver extends what this returns. */
export function contentFields<Root extends object>({
  type,
  descriptions,
  factsOf,
}: ContentFieldOptions<Root>) {
  @Resolver(() => type)
  abstract class ContentFields {
    @FieldResolver(() => Digest, { description: descriptions.digest })
    digest(
      @Root() root: Root,
      @Arg('algorithm', () => DigestAlgorithm, inputs.algorithm) algorithm: DigestAlgorithm,
    ): Digest {
      const { blob } = factsOf(root);
      return { algorithm, hash: algorithm === 'MD5' ? blob.md5 : blob.sha256 };
    }

    @FieldResolver(() => Principal, { description: descriptions.createdBy })
    createdBy(@Root() root: Root, @Ctx() context: GraphqlContext): Promise<Principal> {
      return loadPrincipal(context, factsOf(root).named.createdById);
    }

    @FieldResolver(() => Url, { nullable: true, description: descriptions.downloadUrl })
    downloadUrl(
      @Root() root: Root,
      @Arg('expiresIn', () => Int, inputs.expiresIn) expiresIn: number,
      @Arg('disposition', () => Disposition, inputs.disposition) disposition: Disposition,
      @Ctx() { deps, viewer, access, budget }: GraphqlContext,
    ): Promise<string | null> {
      const { stored, blob, named, contentId } = factsOf(root);
      const { attachment } = stored;
      return budget.once(`${attachment.id} ${contentId} ${expiresIn} ${disposition}`, async () => {
        const options = { expiresIn, disposition, maker: makerOf(viewer) };
        const { fileName, version = 1 } = named;
        const url =
          contentId === undefined
            ? deps.urls.signedUrl({ id: attachment.id, fileName, version }, options)
            : deps.urls.signedUrl({ id: attachment.id, fileName }, { ...options, contentId });
        // Whoever has the URL can use it, and bytes without a verdict are for nobody but their creator.
        const permitted = isServed({ attachment, blob }) && viewer.permissions.has('attachments:read');
        return permitted && (await access.view(stored)) ? url : null;
      });
    }
  }
  return ContentFields;
}
