import type { Viewer } from '../auth/viewer.js';

/** One question: may this principal view or edit this record or field? */
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
  /** Questions that have not been sent yet. */
  readonly waiting: number;
  /** Whether the viewer may. Rejects with AUTHORIZER_UNAVAILABLE if there is no answer, which is neither yes nor no. */
  may(viewer: Viewer, question: RecordQuestion): Promise<boolean>;
  close(): Promise<void>;
}

/** Within an organization everybody may see and change every record. */
export const allowAll: RecordAuthorizer = {
  isActive: false,
  waiting: 0,
  may: async () => true,
  close: async () => {},
};
