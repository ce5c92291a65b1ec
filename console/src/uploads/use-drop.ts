import { useEffect, useRef, useState } from 'react';

/** Takes files that are dropped or pasted anywhere in the window; whether some are held over it. */
export function useDrop(isAllowed: boolean, onFiles: (files: File[]) => void): boolean {
  const [isOver, setOver] = useState(false);
  const taking = useRef(onFiles);
  taking.current = onFiles;
  useEffect(() => {
    const hold = (event: DragEvent) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return;
      // A browser opens a file that nobody takes, in the place of the page.
      event.preventDefault();
      event.dataTransfer.dropEffect = isAllowed ? 'copy' : 'none';
      setOver(isAllowed);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      setOver(false);
      if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      if (isAllowed) void filesOf(event.dataTransfer).then((files) => taking.current(files));
    };
    const paste = ({ clipboardData }: ClipboardEvent) => {
      const files = [...(clipboardData?.files ?? [])];
      if (isAllowed && files.length > 0) taking.current(files);
    };
    addEventListener('dragover', hold);
    addEventListener('dragleave', leave);
    addEventListener('drop', drop);
    addEventListener('paste', paste);
    return () => {
      removeEventListener('dragover', hold);
      removeEventListener('dragleave', leave);
      removeEventListener('drop', drop);
      removeEventListener('paste', paste);
    };
  }, [isAllowed]);
  return isOver;
}

/** Files that were dropped, and those in dropped folders. The event has to be under way still. */
async function filesOf({ items }: DataTransfer): Promise<File[]> {
  const files: File[] = [];
  const dropped = [...items].map((item) => {
    const entry = item.webkitGetAsEntry();
    return entry?.isDirectory ? entry : item.getAsFile();
  });
  for (const each of dropped) {
    if (each instanceof File) files.push(each);
    else if (each !== null) await visit(each, files);
  }
  return files;
}

async function visit(entry: FileSystemEntry, files: File[]): Promise<void> {
  if (entry instanceof FileSystemFileEntry)
    files.push(await new Promise<File>((resolve, reject) => entry.file(resolve, reject)));
  if (!(entry instanceof FileSystemDirectoryEntry)) return;
  const reader = entry.createReader();
  for (;;) {
    // A reader gives some at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return;
    for (const each of some) await visit(each, files);
  }
}
