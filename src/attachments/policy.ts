/** May an attachment linked into a field be linked elsewhere too, or does linking claim it for the one record? */
export type Sharing = 'EXCLUSIVE' | 'SHARED';

/** Content types by standard name, each with the extensions it may have: lower case, with their dot. */
export type AcceptedTypes = ReadonlyMap<string, ReadonlySet<string>>;

/** What an upload or a field must satisfy. */
export interface Policy {
  name: string;
  /** In bytes; a file may have so many. */
  maxFileSize: number;
  /** Null accepts any type. */
  acceptedTypes: AcceptedTypes | null;
  /** How many attachments a field may hold; null is no bound. */
  maxCount: number | null;
  sharing: Sharing;
}

export const defaultPolicyName = 'default';
/** Stands for the record types that are not listed. */
export const anyRecordType = '*';
