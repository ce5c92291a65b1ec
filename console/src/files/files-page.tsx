import { type RefObject, useEffect, useRef, useState } from 'react';
import { ToggleButton } from 'react-aria-components';
import { FilePanel } from '../file/file-panel';
import { go } from '../location';
import type { PageProps } from '../pages';
import { ShowQuery } from '../show-query';
import { UploadButtons } from '../uploads/upload-buttons';
import { useUploads } from '../uploads/uploads-provider';
import { useAnswer } from '../use-answer';
import { BulkBar } from './bulk-bar';
import { FileList } from './file-list';
import { Filters } from './filters';
import { CountFilesDocument, FilesDocument } from './graphql';
import { useFiles, variablesOf } from './use-files';
import { useFilesWords } from './words';
import './files.css';

/** The list, and the file that is open. */
export function FilesPage({ api, viewer, place }: PageProps) {
  const { say } = useFilesWords();
  const variables = variablesOf(place);
  const files = useFiles(api, variables);
  const count = useAnswer(api, CountFilesDocument, { filter: variables.filter });
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const { settled } = useUploads();
  const mayWrite = viewer.permissions.includes('attachments:write');
  const open = place['file'];
  const isTrash = place['trash'] !== undefined;
  const list = useRef<HTMLElement>(null);
  useFocusAfterClose(list, open);
  const { refresh: readFiles } = files;
  const { refresh: readCount } = count;
  const refresh = () => {
    readFiles();
    readCount();
  };
  useEffect(() => {
    if (settled === 0) return;
    readFiles();
    readCount();
  }, [settled, readFiles, readCount]);
  return (
    <div className={open ? 'files open' : 'files'}>
      <section className="list" aria-label={say('files')} ref={list}>
        <div className="tools">
          <Filters place={place} viewer={viewer} />
          <div className="buttons">
            <Count answer={count.data?.attachments} />
            <ToggleButton
              isSelected={place['view'] === 'grid'}
              onChange={(isGrid) => go({ view: isGrid ? 'grid' : null })}
            >
              {say('grid')}
            </ToggleButton>
            <ShowQuery document={FilesDocument} variables={variables} />
            {mayWrite && <UploadButtons />}
          </div>
        </div>
        <BulkBar
          api={api}
          files={files.items.filter(({ id }) => selected.has(id))}
          isTrash={isTrash}
          mayWrite={mayWrite}
          onChanged={() => [setSelected(new Set()), refresh()]}
          onClear={() => setSelected(new Set())}
        />
        <FileList files={files} place={place} selected={selected} onSelect={setSelected} />
      </section>
      {open !== undefined && (
        <FilePanel
          key={open}
          {...{ api, viewer, place }}
          id={open}
          onChanged={refresh}
          onClose={() => go({ file: null, tab: null })}
        />
      )}
    </div>
  );
}

/** Takes the focus to the row of the file that was open, or to the list if that row is gone: it would be lost with the panel. */
function useFocusAfterClose(list: RefObject<HTMLElement | null>, open: string | undefined): void {
  const last = useRef(open);
  useEffect(() => {
    const closed = last.current;
    last.current = open;
    if (closed === undefined || open !== undefined || document.activeElement !== document.body) return;
    const find = (selector: string) => list.current?.querySelector<HTMLElement>(selector);
    (find(`[data-key="${CSS.escape(closed)}"]`) ?? find('[role=grid]'))?.focus({ preventScroll: true });
  }, [list, open]);
}

function Count({ answer }: { answer: { totalCount: number; totalCountIsExact: boolean } | undefined }) {
  const { say, number } = useFilesWords();
  if (answer === undefined) return null;
  const { totalCount, totalCountIsExact } = answer;
  return (
    <span role="status">
      {totalCountIsExact ? '' : `${say('moreThan')} `}
      {number(totalCount)} {say(totalCount === 1 ? 'file' : 'counted')}
    </span>
  );
}
