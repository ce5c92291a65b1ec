import {
  type ExtensionRule,
  extensionAgrees,
  readDeclared,
  typesFor,
} from '../content-types/agree-content-type.js';
import { isContainerOf, isSameFormat } from '../content-types/content-formats.js';
import { type AcceptedTypes, extensionOf, standardType } from '../content-types/media-types.js';
import type { FaultDetail, Faults, FaultTypeOf } from '../errors.js';

/** May an attachment linked into a field be linked elsewhere too, or does linking claim it for the one record? */
export type Sharing = 'EXCLUSIVE' | 'SHARED';

/** Conditions for uploads and fields. */
export interface Policy {
  name: string;
  /** In bytes; a file may have so many. */
  maxFileSize: number;
  /** Null accepts any type. */
  acceptedTypes: AcceptedTypes | null;
  /** How extension and content must agree. */
  extensions: ExtensionRule;
  /** How many attachments a field may hold; null is no bound. */
  maxCount: number | null;
  sharing: Sharing;
}

export const defaultPolicyName = 'default';
/** The policy of the recipe for those who come from Cronofy. */
export const calendarPolicyName = 'calendar';
/** Stands for the record types that are not listed. */
export const anyRecordType = '*';

const calendarTypes: Record<string, string> = {
  'text/plain':
    '.txt .asc .c .cc .h .hh .cpp .hpp .dat .hlp .conf .def .doc .in .list .log .rst .text .textile',
  'text/csv': '.csv',
  'application/rtf': '.rtf',
  'application/pdf': '.pdf .ai',
  'image/bmp': '.bmp',
  'image/gif': '.gif',
  'image/jpeg': '.jpeg .jpg .jpe',
  'image/png': '.png',
  'application/msword': '.doc .dot .wrd',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': '.docx',
  'application/vnd.ms-powerpoint': '.ppt .pps .pot',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': '.pptx',
  'application/gzip': '.gz',
  'application/zip': '.zip',
  'application/x-7z-compressed': '.7z',
  'application/vnd.visio': '.vsd .vst .vsw .vss',
  'application/vnd.ms-excel': '.xls .xlt .xla .xlc .xlm .xlw',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': '.xlsx',
};

const calendarFileSize = 2_097_152;

/** The policies that are there without a policies file, by name; none allows a file larger than `maxFileSize` bytes. */
export function builtInPolicies(maxFileSize: number): Map<string, Policy> {
  const policies: Policy[] = [
    {
      name: defaultPolicyName,
      maxFileSize,
      acceptedTypes: null,
      extensions: 'any',
      maxCount: null,
      sharing: 'EXCLUSIVE',
    },
    {
      name: calendarPolicyName,
      maxFileSize: Math.min(calendarFileSize, maxFileSize),
      acceptedTypes: new Map(
        Object.entries(calendarTypes).map(([type, extensions]) => [type, new Set(extensions.split(' '))]),
      ),
      extensions: 'match',
      maxCount: 5,
      sharing: 'SHARED',
    },
  ];
  return new Map(policies.map((policy) => [policy.name, policy]));
}

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

/**
 * The same of a file whose bytes are to come. A type that claims nothing is found in them, and is looked at then. The name alone is
 * held against a policy only if the client has named that: another one may hold for the record that the file is for.
 */
export function checkAnnounced(policy: Policy, file: CheckedFile, isNamed = false): PolicyFault[] {
  if (readDeclared(file.contentType, file.fileName) !== null) return checkPolicy(policy, file);
  return [...checkSize(policy, file), ...(isNamed ? checkNameAlone(policy, file) : [])];
}

/** The fault of a name under which no content would be accepted. */
export function checkNameAlone(
  { acceptedTypes, extensions }: Policy,
  { fileName }: Pick<CheckedFile, 'fileName'>,
): PolicyFault[] {
  if (acceptedTypes === null || extensions === 'any' || fileName === '') return [];
  const extension = extensionOf(fileName);
  if ([...acceptedTypes.values()].some((accepted) => accepted.has(extension))) return [];
  const found = extension === '' ? 'without an extension' : `named ${extension}`;
  return [{ ...ofContentType(found, acceptedTypes), loc: ['fileName'], type: 'extension_not_allowed' }];
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
