import { agreeContentType } from '../../../src/content-types/agree-content-type.js';
import type { AcceptedTypes } from '../../../src/content-types/content-type-names.js';

export const byName = 'extension_mismatch';
export const byDeclaration = 'declared_type_mismatch';

/** The type that is agreed on, or the kind of the fault. */
export async function agree(
  content: Uint8Array,
  fileName: string,
  declared: string | null,
  acceptedTypes?: AcceptedTypes,
) {
  const head = content.subarray(0, 4096);
  const agreed = await agreeContentType({ head, fileName, declared, acceptedTypes: acceptedTypes ?? null });
  return 'contentType' in agreed ? agreed.contentType : agreed.fault.type;
}
