import { useUpload } from 'claimcheck/react';
import { Button, DropZone, type DropZoneProps, FileTrigger } from 'react-aria-components';
import { FilePanel } from '../file/file-panel';
import { go } from '../location';
import type { PageProps } from '../pages';
import { Uploads } from '../uploads/uploads';
import { FileList } from './file-list';
import { Filters } from './filters';
import { useFiles } from './use-files';
import { useFilesWords } from './words';
import './files.css';

/** The list, the file that is open, and what is being uploaded. */
export function FilesPage({ api, viewer, place }: PageProps) {
  const { say } = useFilesWords();
  const files = useFiles(api, place);
  const uploads = useUpload(api.claimcheck, { onDone: files.refresh });
  const mayUpload = viewer.permissions.includes('attachments:write');
  const open = place['file'];
  const list = (
    <section className="list" aria-label={say('files')}>
      <div className="tools">
        <Filters place={place} />
        {mayUpload && (
          <FileTrigger allowsMultiple onSelect={(chosen) => uploads.upload(Array.from(chosen ?? []))}>
            <Button className="primary">{say('upload')}</Button>
          </FileTrigger>
        )}
      </div>
      <FileList files={files} place={place} />
    </section>
  );
  return (
    <div className={open ? 'files open' : 'files'}>
      {mayUpload ? (
        <DropZone
          className="drop"
          aria-label={say('dropHere')}
          onDrop={(event) => void filesOf(event).then(uploads.upload)}
        >
          {list}
        </DropZone>
      ) : (
        list
      )}
      {open !== undefined && <FilePanel key={open} api={api} id={open} onClose={() => go({ file: null })} />}
      {uploads.items.length > 0 && <Uploads uploads={uploads} api={api} onVerdict={files.refresh} />}
    </div>
  );
}

type DropEvent = Parameters<NonNullable<DropZoneProps['onDrop']>>[0];

/** Files that were dropped, and those in dropped folders. */
async function filesOf({ items }: DropEvent): Promise<File[]> {
  const found: File[] = [];
  const visit = async (item: DropEvent['items'][number]): Promise<void> => {
    if (item.kind === 'file') found.push(await item.getFile());
    if (item.kind === 'directory') for await (const entry of item.getEntries()) await visit(entry);
  };
  for (const item of items) await visit(item);
  return found;
}
