/** What an upload or a field must satisfy. */
export interface Policy {
  name: string;
  maxFileSize: number;
  /** Types with their extensions, dot and lower case; null: any. */
  acceptedTypes: ReadonlyMap<string, ReadonlySet<string>> | null;
  maxCount: number | null;
  sharing: 'EXCLUSIVE' | 'SHARED';
}
