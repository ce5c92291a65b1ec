import { agreeContentType, type ContentTypeClaims } from '../../../src/content-types/agree-content-type.js';
import type { DetectedContent } from '../../../src/content-types/content-formats.js';
import { detectContentType } from '../../../src/content-types/detect-content-type.js';
import type { AcceptedTypes } from '../../../src/content-types/media-types.js';
import { meterWhole } from '../../../src/intake/meter-content.js';

export const byName = 'extension_mismatch';
export const byDeclaration = 'declared_type_mismatch';

/** The content's type as intake finds it: by its head, and what is asked for besides. */
export function detect(content: Uint8Array): Promise<DetectedContent> {
  const read = async (start: number, end: number) => content.subarray(start, end);
  return detectContentType({ ...meterWhole(Buffer.from(content), content.length), read });
}

/** Bytes, and all that is said of them. */
export type Said = { bytes: Uint8Array; fileName: string } & Partial<Omit<ContentTypeClaims, 'content'>>;

/** The outcome of an upload under a policy that holds extensions to the content, unless it says otherwise. */
export async function agreeOn({ bytes, ...said }: Said): Promise<ReturnType<typeof agreeContentType>> {
  const silent = { claim: null, hint: null, acceptedTypes: null, extensions: 'match' as const };
  return agreeContentType({ ...silent, ...said, content: await detect(bytes) });
}

/** The type that is agreed on, or the kind of the fault. */
export async function agree(
  bytes: Uint8Array,
  fileName: string,
  claim: string | null,
  acceptedTypes?: AcceptedTypes,
) {
  const agreed = await agreeOn({ bytes, fileName, claim, acceptedTypes: acceptedTypes ?? null });
  return 'contentType' in agreed ? agreed.contentType : agreed.fault.type;
}
