import { Arg, Ctx, FieldResolver, Int, Resolver, Root } from 'type-graphql';
import { makerOf } from '../../auth/url-makers.js';
import type { BlobRow } from '../../database/entities/blob.js';
import { isServed, type StoredAttachment } from '../../model/stored-attachment.js';
import type { GraphqlContext } from '../context.js';
import { Digest } from '../types/attachment.js';
import { DigestAlgorithm, Disposition } from '../types/enums.js';
import { Principal } from '../types/principal.js';
import { Url } from '../types/scalars.js';

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
    async createdBy(@Root() root: Root, @Ctx() { loaders }: GraphqlContext): Promise<Principal> {
      const id = factsOf(root).named.createdById;
      return (await loaders.principal.load(id)) ?? { id, kind: 'USER', name: null };
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
