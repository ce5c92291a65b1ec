import { useState } from 'react';
import { RefusedError } from '../api';
import { refusalFrom } from '../use-answer';
import type { ListedFile } from './use-files';

export interface BulkFault {
  id: string;
  fileName: string;
  message: string;
}

export interface Bulk {
  /** Null while nothing is under way. */
  progress: { done: number; total: number } | null;
  /** The refusals of the last run. */
  faults: readonly BulkFault[];
  /** Does the same with each file, a few at a time. Resolves after the last. */
  run(files: readonly ListedFile[], act: (file: ListedFile) => Promise<unknown>): Promise<void>;
  clear(): void;
}

const parallel = 4;

/** A change of many files, one by one: what is refused leaves the others as they are. */
export function useBulk(): Bulk {
  const [progress, setProgress] = useState<Bulk['progress']>(null);
  const [faults, setFaults] = useState<readonly BulkFault[]>([]);
  return {
    progress,
    faults,
    clear: () => setFaults([]),
    run: async (files, act) => {
      const waiting = [...files];
      const refused: BulkFault[] = [];
      let done = 0;
      const work = async () => {
        for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
          try {
            await patiently(act, file);
          } catch (error) {
            refused.push({ id: file.id, fileName: file.fileName, message: refusalFrom(error).message });
          }
          done += 1;
          setProgress({ done, total: files.length });
        }
      };
      setFaults([]);
      setProgress({ done, total: files.length });
      await Promise.all(Array.from({ length: parallel }, work));
      setProgress(null);
      setFaults(refused);
    },
  };
}

const pauseMs = 5_000;
const attempts = 15;

/** A credential may do so much in a minute: the rest waits for the next one. */
async function patiently<Item>(act: (item: Item) => Promise<unknown>, item: Item): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await act(item);
      return;
    } catch (error) {
      const isPassing = error instanceof RefusedError && error.code === 'RATE_LIMITED';
      if (!isPassing || attempt === attempts) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
