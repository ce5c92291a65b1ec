import { type UploadPlace, useUpload } from 'claimcheck/react';
import { createContext, type ReactNode, use, useCallback, useEffect, useRef, useState } from 'react';
import type { Api } from '../api';
import type { Viewer } from '../app';
import { forgetFile, keepFile, keptFiles } from './kept-files';
import { Uploads } from './uploads';
import { useDrop } from './use-drop';
import { useUploadsWords } from './words';

export interface UploadsState {
  /** Into a field of a record, or for itself. */
  upload(files: Iterable<File>, place?: UploadPlace): void;
  /** Grows with each upload that is stored, and with each verdict. */
  settled: number;
}

const UploadsContext = createContext<UploadsState>({ upload: () => {}, settled: 0 });

export const useUploads = (): UploadsState => use(UploadsContext);

interface UploadsProviderProps {
  api: Api;
  viewer: Viewer;
  children: ReactNode;
}

/** Uploads go on whichever page is shown, and after the page is loaded again. */
export function UploadsProvider({ api, viewer, children }: UploadsProviderProps) {
  const { say } = useUploadsWords();
  const [settled, setSettled] = useState(0);
  const settle = useCallback(() => setSettled((last) => last + 1), []);
  const uploads = useUpload(api.claimcheck, { onDone: settle });
  const { upload: begin, items } = uploads;
  const upload = useCallback(
    (files: Iterable<File>, place?: UploadPlace) => begin(files, [], place),
    [begin],
  );
  const isAllowed = viewer.permissions.includes('attachments:write');
  const isOver = useDrop(isAllowed, upload);
  useKeeping(`${viewer.organizationId} ${viewer.principal.id}`, isAllowed, items, begin);
  return (
    <UploadsContext value={{ upload, settled }}>
      {children}
      {isOver && <p className="drop-here">{say('dropHere')}</p>}
      {items.length > 0 && <Uploads uploads={uploads} api={api} onVerdict={settle} />}
    </UploadsContext>
  );
}

type Uploading = ReturnType<typeof useUpload>;

/** Keeps each file until it is stored or taken off the list, and goes on with those of an earlier load. */
function useKeeping(
  owner: string,
  isAllowed: boolean,
  items: Uploading['items'],
  upload: Uploading['upload'],
): void {
  const kept = useRef(new Set<string>());
  useEffect(() => {
    if (!isAllowed) return undefined;
    let isOver = false;
    void keptFiles(owner).then((found) => {
      const fresh = isOver ? [] : found.filter(({ key }) => !kept.current.has(key));
      for (const { key } of fresh) kept.current.add(key);
      for (const { key, file, place } of fresh) upload([file], [key], place);
    });
    return () => {
      isOver = true;
    };
  }, [owner, isAllowed, upload]);
  useEffect(() => {
    const pending = new Map(items.filter(({ state }) => state !== 'done').map((item) => [item.key, item]));
    for (const [key, { file, place }] of pending) {
      if (kept.current.has(key) || !(file instanceof File)) continue;
      kept.current.add(key);
      void keepFile(owner, { key, file, place });
    }
    for (const key of [...kept.current].filter((each) => !pending.has(each))) {
      kept.current.delete(key);
      void forgetFile(key);
    }
  }, [owner, items]);
}
