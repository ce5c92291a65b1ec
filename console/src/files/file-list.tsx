import {
  Button,
  Collection,
  GridList,
  GridListItem,
  GridListLoadMoreItem,
  ListLayout,
  Virtualizer,
} from 'react-aria-components';
import { go, type Place } from '../location';
import { filterNames } from './filters';
import type { Files, ListedFile } from './use-files';
import { useFilesWords } from './words';

const rowHeight = 56;

/** Only the rows that are seen are in the page, however many there are. */
export function FileList({ files, place }: { files: Files; place: Place }) {
  const { say } = useFilesWords();
  const isFiltered = filterNames.some((name) => place[name] !== undefined);
  if (files.error !== null && files.files.length === 0) {
    return (
      <div className="notice" role="alert">
        <p>{files.error}</p>
        <Button onPress={files.refresh}>{say('retry')}</Button>
      </div>
    );
  }
  return (
    <Virtualizer layout={ListLayout} layoutOptions={{ rowHeight, loaderHeight: rowHeight }}>
      <GridList
        aria-label={say('files')}
        className="rows"
        onAction={(id) => go({ file: String(id) })}
        renderEmptyState={() => (
          <p className="notice">{say(files.isLoading ? 'loading' : isFiltered ? 'noMatches' : 'noFiles')}</p>
        )}
      >
        <Collection items={files.files}>
          {(file) => <Row file={file} isOpen={file.id === place['file']} />}
        </Collection>
        {files.hasMore && (
          <GridListLoadMoreItem className="notice" isLoading={files.isLoading} onLoadMore={files.more}>
            {say('more')}
          </GridListLoadMoreItem>
        )}
      </GridList>
    </Virtualizer>
  );
}

function Row({ file, isOpen }: { file: ListedFile; isOpen: boolean }) {
  const { say, bytes, instant } = useFilesWords();
  const { record } = file;
  return (
    <GridListItem id={file.id} textValue={file.fileName} className={isOpen ? 'row open' : 'row'}>
      <Thumbnail preview={file.preview ?? null} contentType={file.contentType} />
      <span className="name">
        <bdi>{file.fileName}</bdi>
        <small>
          {bytes(file.size)} · {instant(file.createdAt)}
          {record && (
            <>
              {' · '}
              <bdi>
                {record.type} {record.recordId}
              </bdi>
            </>
          )}
        </small>
      </span>
      <span className={`status ${file.status}`}>{say(file.status)}</span>
    </GridListItem>
  );
}

function Thumbnail({ preview, contentType }: { preview: string | null; contentType: string }) {
  const [, end = ''] = contentType.split('/');
  if (preview === null) return <span className="thumbnail">{end.slice(0, 4).toUpperCase()}</span>;
  return (
    <img className="thumbnail" src={preview} alt="" loading="lazy" decoding="async" width="40" height="40" />
  );
}
