import {
  Checkbox,
  Collection,
  GridLayout,
  GridList,
  GridListItem,
  GridListLoadMoreItem,
  ListLayout,
  type Selection,
  Size,
  Virtualizer,
} from 'react-aria-components';
import { Fault } from '../answer-state';
import { go, type Place } from '../location';
import type { Pages } from '../use-pages';
import { filterNames, type ListedFile } from './use-files';
import { useFilesWords } from './words';

const rowHeight = 56;
const tile = new Size(150, 200);
const rows = { rowHeight, loaderHeight: rowHeight };
const tiles = { minItemSize: tile, maxItemSize: new Size(260, 200), minSpace: new Size(12, 12) };

type Kind = 'stack' | 'grid';

interface FileListProps {
  files: Pages<ListedFile>;
  place: Place;
  selected: ReadonlySet<string>;
  onSelect: (selected: ReadonlySet<string>) => void;
}

/** Only the files that are seen are in the page, however many there are. */
export function FileList({ files, place, selected, onSelect }: FileListProps) {
  const { say } = useFilesWords();
  const isFiltered = filterNames.some((name) => place[name] !== undefined);
  const kind: Kind = place['view'] === 'grid' ? 'grid' : 'stack';
  const select = (keys: Selection) =>
    onSelect(new Set(keys === 'all' ? files.items.map(({ id }) => id) : [...keys].map(String)));
  const { error } = files;
  if (error !== null && files.items.length === 0) return <Fault error={error} onRetry={files.refresh} />;
  const list = (
    <GridList
      aria-label={say('files')}
      className={`rows ${kind}`}
      layout={kind}
      selectionMode="multiple"
      selectedKeys={selected}
      onSelectionChange={select}
      onAction={(id) => go({ file: String(id), tab: null })}
      renderEmptyState={() => (
        <p className="notice">{say(files.isLoading ? 'loading' : isFiltered ? 'noMatches' : 'noFiles')}</p>
      )}
    >
      <Collection items={files.items}>
        {(file) => <Row file={file} isOpen={file.id === place['file']} kind={kind} />}
      </Collection>
      {files.hasMore && error === null && (
        <GridListLoadMoreItem className="notice" isLoading={files.isLoading} onLoadMore={files.more}>
          {say('more')}
        </GridListLoadMoreItem>
      )}
    </GridList>
  );
  return (
    <>
      {kind === 'grid' ? (
        <Virtualizer key={kind} layout={GridLayout} layoutOptions={tiles}>
          {list}
        </Virtualizer>
      ) : (
        <Virtualizer key={kind} layout={ListLayout} layoutOptions={rows}>
          {list}
        </Virtualizer>
      )}
      {/* Whoever scrolls to the end asks for more: after a refusal that would be for ever, as fast as it is refused. */}
      <Fault error={error} onRetry={files.more} />
    </>
  );
}

interface RowProps {
  file: ListedFile;
  isOpen: boolean;
  kind: Kind;
}

function Row({ file, isOpen, kind }: RowProps) {
  const { say, bytes, instant } = useFilesWords();
  const { record, expiresAt } = file;
  return (
    <GridListItem
      id={file.id}
      textValue={file.fileName}
      className={`${kind === 'grid' ? 'tile' : 'row'}${isOpen ? ' open' : ''}`}
    >
      <Checkbox slot="selection">
        <span className="box" aria-hidden="true" />
      </Checkbox>
      <Thumbnail {...file} />
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
          {expiresAt !== null && ` · ${say('goes')} ${instant(expiresAt)}`}
        </small>
      </span>
      <span className={`status ${file.damaged ? 'FAILED' : file.status}`}>
        {say(file.damaged ? 'damaged' : file.status)}
      </span>
    </GridListItem>
  );
}

/** The preview; without one the extension, or the beginning of the type's own name. */
function Thumbnail({ preview, fileName, contentType }: ListedFile) {
  const [, extension] = /\.([a-z0-9]{1,4})$/i.exec(fileName) ?? [];
  const [, subtype = ''] = contentType.split('/');
  if (preview === null)
    return <span className="thumbnail">{(extension ?? subtype.slice(0, 4)).toUpperCase()}</span>;
  return (
    <img className="thumbnail" src={preview} alt="" loading="lazy" decoding="async" width="40" height="40" />
  );
}
