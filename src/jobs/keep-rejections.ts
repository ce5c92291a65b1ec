/**
 * Where a connection is lost while it ends, graphile-worker rejects promises that nobody waits for, which would end the process;
 * what it had in hand is freed like that of a dead worker. Such a rejection is told to `onFault` instead, any other ends the
 * process as ever. The result undoes it.
 */
export function keepRejections(onFault: (error: unknown) => void): () => void {
  const handle = (error: unknown) => {
    if (!isFromWorker(error)) throw error;
    onFault(error);
  };
  process.on('unhandledRejection', handle);
  return () => process.off('unhandledRejection', handle);
}

function isFromWorker(error: unknown): boolean {
  return error instanceof Error && /[\\/]graphile-worker[\\/]/.test(error.stack ?? '');
}
