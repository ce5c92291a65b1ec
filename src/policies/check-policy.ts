import { extensionAgrees, typesFor } from '../content-types/agree-content-type.js';
import { isContainerOf, isSameFormat } from '../content-types/content-formats.js';
import { type AcceptedTypes, standardType } from '../content-types/content-type-names.js';
import { extensionOf } from '../content-types/extension-types.js';
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
  type:
    | FaultTypeOf<'FILE_TOO_LARGE' | 'CONTENT_TYPE_NOT_ALLOWED'>
    | 'declared_type_mismatch'
    | 'extension_mismatch';
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
  { acceptedTypes, extensions }: Policy,
  { contentType, fileName }: Omit<CheckedFile, 'size'>,
): PolicyFault[] {
  if (acceptedTypes === null) return checkExtension({ extensions }, { contentType, fileName });
  const extension = extensionOf(fileName);
  const types = extensions === 'any' ? [standardType(contentType)] : typesFor(contentType, fileName);
  const ofType = types.flatMap((type) => [...(acceptedTypes.get(type) ?? [])]);
  if (ofType.includes(extension) || (ofType.length > 0 && (fileName === '' || extensions === 'any')))
    return [];
  const found = `${contentType} ${extension === '' ? 'without an extension' : `named ${extension}`}`;
  const fault = ofType.length === 0 ? ofContentType(found, acceptedTypes) : ofExtension(found, ofType);
  return [fault];
}

/** The part that holds for a new name of content that the policy, with or without a table of types, has nothing to do with. */
export function checkExtension(
  { extensions }: Pick<Policy, 'extensions'>,
  { contentType, fileName }: Omit<CheckedFile, 'size'>,
): PolicyFault[] {
  if (extensions === 'any' || fileName === '' || extensionAgrees(contentType, fileName)) return [];
  const msg = `The content is ${contentType}, which does not go with this name's extension.`;
  return [{ loc: ['fileName'], type: 'extension_mismatch', msg }];
}

/**
 * If a policy has a table of types, the type that the client claims must stand in it, even if the bytes could be either; beside
 * the extension, if that must match. `declared` is a standard name; null says nothing.
 */
export function checkDeclared(
  { acceptedTypes, extensions: rule }: Policy,
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
  if (rule === 'any') return [];
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
  file: CheckedFile,
  loc: (string | number)[],
): void {
  for (const { type, msg, limit } of checkPolicy(policy, file)) {
    faults.add(type, loc, msg, { limit });
  }
}
