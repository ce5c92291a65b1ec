import { AttachmentError } from '../errors.js';

/** Does `work` on the file system; what the system refuses becomes STORAGE_UNAVAILABLE with the refusal as its cause. */
export async function onMedium<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toStorageFault(error);
  }
}

/** Faults of the medium become STORAGE_UNAVAILABLE; anything else, such as a mistake of ours, stays what it is. */
export function toStorageFault(error: unknown): Error {
  if (isSystemError(error)) return new AttachmentError('STORAGE_UNAVAILABLE', { cause: error });
  return error instanceof Error ? error : new Error('The storage failed.', { cause: error });
}

/** The system's name for what went wrong (`ENOENT`, `ENOSPC`), where `error` comes from the system. */
export function systemCode(error: unknown): string | null {
  return isSystemError(error) ? (error.code ?? null) : null;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return typeof error === 'object' && error !== null && 'syscall' in error;
}
