import { typesFor } from '../content-types/agree-content-type.js';
import { isContainerOf, isSameFormat } from '../content-types/content-formats.js';
import type { AcceptedTypes } from '../content-types/content-type-names.js';
import { extensionOf } from '../content-types/extension-types.js';
import type { AttachmentRow } from '../database/entities/attachment.js';
import type { FaultDetail, Faults, FaultTypeOf } from '../errors.js';
import type { Policy } from './policy.js';

/** The facts of an upload, a target, or a stored attachment that policies look at. */
export interface CheckedFile {
  /** In bytes. */
  size: number;
  /** By standard name. */
  contentType: string;
  /** Empty where it was refused already: then it is not judged again for its extension. */
  fileName: string;
}

/** A rule of a policy that a file breaks; `loc` is a path below the input. */
export interface PolicyFault extends FaultDetail {
  type: FaultTypeOf<'FILE_TOO_LARGE' | 'CONTENT_TYPE_NOT_ALLOWED'> | 'declared_type_mismatch';
  /** In bytes. */
  limit?: number;
}

/** Everything about a file that a policy does not allow. */
export function checkPolicy(policy: Policy, file: CheckedFile): PolicyFault[] {
  return [...checkSize(policy, file), ...checkType(policy, file)];
}

/** The part that needs no content type. */
export function checkSize({ maxFileSize }: Policy, { size }: Pick<CheckedFile, 'size'>): PolicyFault[] {
  if (size <= maxFileSize) return [];
  const msg = `The file has ${size} bytes; at most ${maxFileSize} are allowed.`;
  return [{ loc: ['content'], type: 'file_too_large', msg, limit: maxFileSize }];
}

/** The part that a new name can change. */
export function checkType(
  { acceptedTypes }: Policy,
  { contentType, fileName }: Omit<CheckedFile, 'size'>,
): PolicyFault[] {
  if (acceptedTypes === null) return [];
  const extension = extensionOf(fileName);
  const types = typesFor(contentType, fileName);
  const ofType = types.flatMap((type) => [...(acceptedTypes.get(type) ?? [])]);
  if (ofType.includes(extension) || (ofType.length > 0 && fileName === '')) return [];
  const found = `${contentType} ${extension === '' ? 'without an extension' : `named ${extension}`}`;
  const fault = ofType.length === 0 ? ofContentType(found, acceptedTypes) : ofExtension(found, ofType);
  return [fault];
}

/**
 * If a policy has a table of types, the type that the client has declared must stand in it beside the extension, even if the
 * bytes could be either. `declared` is a standard name; null says nothing.
 */
export function checkDeclared(
  { acceptedTypes }: Policy,
  declared: string | null,
  { contentType, fileName }: Omit<CheckedFile, 'size'>,
): PolicyFault[] {
  if (acceptedTypes === null || declared === null || declared === contentType) return [];
  const extensions = acceptedTypes.get(declared);
  const extension = extensionOf(fileName);
  if (extensions?.has(extension) || isSameFormat(declared, contentType)) return [];
  if (!extensions && isContainerOf(declared, contentType)) return [];
  const found = `declared to be ${declared}`;
  if (!extensions) return [ofContentType(found, acceptedTypes)];
  const msg = `The content is ${found}, which is named ${[...extensions].join(' ')} and not ${extension}.`;
  return [{ loc: ['contentType'], type: 'declared_type_mismatch', msg }];
}

function ofContentType(found: string, acceptedTypes: AcceptedTypes): PolicyFault {
  const accepted = Array.from(
    acceptedTypes,
    ([type, extensions]) => `${type} (${[...extensions].join(' ')})`,
  );
  const msg = `The file is ${found}; accepted are ${accepted.join(', ')}.`;
  return { loc: ['contentType'], type: 'content_type_not_allowed', msg };
}

function ofExtension(found: string, accepted: readonly string[]): PolicyFault {
  const msg = `The file is ${found}; accepted extensions of this type are ${[...new Set(accepted)].join(' ')}.`;
  return { loc: ['fileName'], type: 'extension_not_allowed', msg };
}

/** Notes what keeps an attachment that exists already, perhaps under another policy, from where this policy holds. */
export function recheckPolicy(
  faults: Faults,
  policy: Policy,
  attachment: AttachmentRow,
  loc: (string | number)[],
): void {
  for (const { type, msg, limit } of checkPolicy(policy, attachment)) {
    faults.add(type, loc, msg, { limit });
  }
}
