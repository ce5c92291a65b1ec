import { AttachmentError } from '../errors.js';

/** How content comes in. */
export type Door = 'multipart' | 'base64' | 'dataUrl' | 'documentKey' | 'direct' | 'tus';

export type UploadOutcome = 'accepted' | 'refused' | 'failed';

/** Told of content, so that somebody can count it. */
export interface UploadMeter {
  /** Bytes that have been stored. */
  onStored(door: Door, bytes: number): void;
  /** `accepted`: an attachment has been made of it or, of bytes for a target, they are there. `failed`: by our own fault. */
  onUpload(door: Door, outcome: UploadOutcome): void;
}

/** Does `work`, all that becomes of content that came through `door`, and tells how it went. */
export async function measureUpload<T>(meter: UploadMeter, door: Door, work: () => Promise<T>): Promise<T> {
  const result = await measureFailure(meter, door, work);
  meter.onUpload(door, 'accepted');
  return result;
}

/** The same for work that is only the beginning: just a failure is told, since nothing follows it. */
export async function measureFailure<T>(meter: UploadMeter, door: Door, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isClients = error instanceof AttachmentError && error.status < 500;
    meter.onUpload(door, isClients ? 'refused' : 'failed');
    throw error;
  }
}
