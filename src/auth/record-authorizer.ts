import type { Viewer } from './viewer.js';

/** What somebody wants to do with a record or one of its fields. */
export interface RecordQuestion {
  action: 'view' | 'edit';
  record: { type: string; id: string };
  /** Null: the record as a whole. */
  field: string | null;
}

/** Knows who may see and change the records of the caller's own system. Never to be asked inside a transaction. */
export interface RecordAuthorizer {
  /** False: it permits everything, so nobody needs to gather what to ask. */
  readonly isActive: boolean;
  /** Whether the viewer may. Never rejects: where there is no answer in time it is no. */
  may(viewer: Viewer, question: RecordQuestion): Promise<boolean>;
  close(): Promise<void>;
}

/** Within an organization everybody may see and change every record. */
export const allowAll: RecordAuthorizer = {
  isActive: false,
  may: async () => true,
  close: async () => {},
};
