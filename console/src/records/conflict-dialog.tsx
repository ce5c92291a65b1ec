import { Button, Dialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { type Conflict, type FieldFile, type FieldState, mergeOrders } from './use-field';
import { useRecordWords } from './words';

/** Shows both orders, with what only one of them has, and lets the reader choose. */
export function ConflictDialog({ conflict, resolve }: { conflict: Conflict } & Pick<FieldState, 'resolve'>) {
  const { say } = useRecordWords();
  const theirs = conflict.theirs.links.map(({ attachment }) => attachment);
  const merged = mergeOrders(conflict);
  const isMore = merged.length !== conflict.mine.length || merged.length !== theirs.length;
  return (
    <ModalOverlay className="modal" isOpen>
      <Modal>
        <Dialog role="alertdialog">
          <Heading slot="title">{say('conflict')}</Heading>
          <p>{say('conflictHint')}</p>
          <div className="sides">
            <Side title={say('yours')} files={conflict.mine} others={theirs} />
            <Side title={say('theirs')} files={theirs} others={conflict.mine} />
          </div>
          <div className="buttons">
            <Button className="primary" onPress={() => resolve(conflict.mine)}>
              {say('keepYours')}
            </Button>
            {isMore && <Button onPress={() => resolve(merged)}>{say('keepBoth')}</Button>}
            <Button onPress={() => resolve(null)}>{say('keepTheirs')}</Button>
          </div>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

interface SideProps {
  title: string;
  files: readonly FieldFile[];
  others: readonly FieldFile[];
}

function Side({ title, files, others }: SideProps) {
  const { say } = useRecordWords();
  const known = new Set(others.map(({ id }) => id));
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <ol>
        {files.map(({ id, fileName }) => (
          <li key={id}>
            <bdi>{fileName}</bdi> {!known.has(id) && <strong>{say('onlyHere')}</strong>}
          </li>
        ))}
      </ol>
      {files.length === 0 && <p>{say('noLinks')}</p>}
    </section>
  );
}
