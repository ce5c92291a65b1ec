import {
  Button,
  type DropItem,
  type DroppableCollectionReorderEvent,
  GridList,
  GridListItem,
  ListLayout,
  useDragAndDrop,
  Virtualizer,
} from 'react-aria-components';
import { go } from '../location';
import type { FieldFile, FieldState } from './use-field';
import { useRecordWords } from './words';

const rowHeight = 56;
/** Rows that are seen without scrolling. */
const rowsShown = 8;

interface FieldListProps {
  name: string;
  state: FieldState;
  mayWrite: boolean;
  /** Files that were dropped on the list. */
  onFiles: (files: File[]) => void;
}

/** The files of a field in their order, which pointer and keyboard can change. */
export function FieldList({ name, state: { files, reorder, remove }, mayWrite, onFiles }: FieldListProps) {
  const { say } = useRecordWords();
  const take = async (items: DropItem[]) => {
    const dropped = items.flatMap((item) => (item.kind === 'file' ? [item.getFile()] : []));
    if (dropped.length > 0) onFiles(await Promise.all(dropped));
  };
  const { dragAndDropHooks } = useDragAndDrop({
    getItems: (keys) => Array.from(keys, (key) => ({ 'text/plain': String(key) })),
    onReorder: (event) => reorder(moved(files, event)),
    onInsert: ({ items }) => void take(items),
    onRootDrop: ({ items }) => void take(items),
    isDisabled: !mayWrite,
  });
  const height = Math.min(rowsShown, Math.max(1, files.length)) * rowHeight;
  return (
    <Virtualizer layout={ListLayout} layoutOptions={{ rowHeight }}>
      <GridList
        aria-label={name}
        className="field-rows"
        style={{ height }}
        items={files}
        dragAndDropHooks={dragAndDropHooks}
        onAction={(id) => go({ page: null, record: null, file: String(id) })}
        renderEmptyState={() => <p className="notice">{say(mayWrite ? 'emptyField' : 'noLinks')}</p>}
      >
        {(file) => <Row file={file} mayWrite={mayWrite} remove={remove} />}
      </GridList>
    </Virtualizer>
  );
}

function Row({
  file,
  mayWrite,
  remove,
}: { file: FieldFile; mayWrite: boolean } & Pick<FieldState, 'remove'>) {
  const { say, bytes } = useRecordWords();
  return (
    <GridListItem id={file.id} textValue={file.fileName} className="field-row">
      {mayWrite && (
        <Button slot="drag" className="drag">
          ≡
        </Button>
      )}
      {file.preview ? (
        <img className="thumbnail" src={file.preview} alt="" loading="lazy" width="40" height="40" />
      ) : (
        <span className="thumbnail" aria-hidden="true" />
      )}
      <span className="name">
        <bdi>{file.fileName}</bdi>
        <small>
          {bytes(file.size)} · <span className={`status ${file.status}`}>{say(file.status)}</span>
        </small>
      </span>
      {mayWrite && (
        <Button aria-label={`${say('unlink')}: ${file.fileName}`} onPress={() => remove(file.id)}>
          {say('unlink')}
        </Button>
      )}
    </GridListItem>
  );
}

/** The order after a move of some files before or behind another one. */
function moved(files: readonly FieldFile[], { keys, target }: DroppableCollectionReorderEvent): FieldFile[] {
  const taken = files.filter(({ id }) => keys.has(id));
  const others = files.filter(({ id }) => !keys.has(id));
  const fixed = others.findIndex(({ id }) => id === target.key);
  const at = fixed + (target.dropPosition === 'after' ? 1 : 0);
  return fixed < 0 ? [...files] : [...others.slice(0, at), ...taken, ...others.slice(at)];
}
