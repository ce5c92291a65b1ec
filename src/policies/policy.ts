import type { ExtensionRule } from '../content-types/agree-content-type.js';
import type { AcceptedTypes } from '../content-types/content-type-names.js';

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
